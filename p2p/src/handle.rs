//! The node's end of the network: cheap to clone, never blocks.

use crate::error::{RequestError, SendError};
use crate::event::{MessageId, Offence, PeerInfo, Penalty, Verdict};
use crate::shared::Shared;
use crate::wire::{Gossip, Request, Response, ValidatorMessage};
use libp2p::{Multiaddr, PeerId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use wattle_primitives::{Height, PublicKey};

/// Order to the network task.
#[derive(Debug)]
pub(crate) enum Command {
    Publish(Box<Gossip>),
    Verdict { id: MessageId, peer: PeerId, verdict: Verdict },
    Request { peer: PeerId, request: Request, reply: oneshot::Sender<Result<Response, RequestError>> },
    Report { peer: PeerId, penalty: Penalty, offence: Offence },
    SetValidators(Vec<PublicKey>),
    Connect(Multiaddr),
    Forget(PeerId),
    Ban { peer: PeerId, time: Duration },
    Unban(PeerId),
    Shutdown,
}

/// The node's end of the network. All methods but [`Handle::request`] and [`Handle::shutdown`] return at once.
#[derive(Clone)]
pub struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) shared: Arc<Shared>,
}

impl Handle {
    /// This node's name on the network.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.shared.local
    }

    /// Sends to every connected validator. Returns to how many. Where a queue is full its oldest entry goes.
    ///
    /// # Errors
    /// [`SendError::TooLong`].
    pub fn broadcast(&self, message: &ValidatorMessage) -> Result<usize, SendError> {
        self.shared.broadcast(message)
    }

    /// Sends to one validator.
    ///
    /// # Errors
    /// [`SendError::TooLong`], [`SendError::NotConnected`].
    pub fn send(&self, to: &PublicKey, message: &ValidatorMessage) -> Result<(), SendError> {
        self.shared.send(to, message)
    }

    /// Gossips something that entered the network here. What came by gossip is forwarded by its verdict instead.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Closed`].
    pub fn publish(&self, message: Gossip) -> Result<(), SendError> {
        self.command(Command::Publish(Box::new(message)))
    }

    /// Says what to do with a gossip message: each needs a verdict, or it is forgotten after a few seconds.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Closed`].
    pub fn gossip_verdict(&self, id: MessageId, peer: PeerId, verdict: Verdict) -> Result<(), SendError> {
        self.command(Command::Verdict { id, peer, verdict })
    }

    /// Asks a ready peer. Ends within the configured time-out.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn request(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Request { peer, request, reply }).map_err(|error| match error {
            SendError::Full => RequestError::Busy,
            _ => RequestError::Closed,
        })?;
        // The library's own time-out comes first; this one holds even if the network task is stuck.
        let limit = self.shared.limits.request_timeout.saturating_mul(2);
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(RequestError::Closed),
            Err(_) => Err(RequestError::Timeout { peer }),
        }
    }

    /// Reports what a peer did. Penalties that add up disconnect and ban it.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Closed`].
    pub fn report(&self, peer: PeerId, penalty: Penalty, offence: Offence) -> Result<(), SendError> {
        self.command(Command::Report { peer, penalty, offence })
    }

    /// Peers that are connected or banned.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.shared.peers()
    }

    /// Peers that take gossiped transactions from this node, a second ago at most.
    #[must_use]
    pub fn takers(&self) -> usize {
        self.shared.takers()
    }

    /// Addresses that are listened on, without `/p2p`.
    #[must_use]
    pub fn listen_addrs(&self) -> Vec<Multiaddr> {
        self.shared.listen_addrs()
    }

    /// Replaces the keys whose proven holders may exchange validator messages.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Closed`].
    pub fn set_validators(&self, keys: Vec<PublicKey>) -> Result<(), SendError> {
        self.command(Command::SetValidators(keys))
    }

    /// Sets the finalized height told in later handshakes.
    pub fn set_height(&self, height: Height) {
        self.shared.set_height(height);
    }

    /// Adds a persistent peer.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Closed`].
    pub fn connect(&self, address: Multiaddr) -> Result<(), SendError> {
        self.command(Command::Connect(address))
    }

    /// Stops staying connected with a peer, and disconnects it. It may come back by itself.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Closed`].
    pub fn forget(&self, peer: PeerId) -> Result<(), SendError> {
        self.command(Command::Forget(peer))
    }

    /// Disconnects a peer and refuses it for a time, by order of the operator. Replaces a ban it has.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Closed`].
    pub fn ban(&self, peer: PeerId, time: Duration) -> Result<(), SendError> {
        self.command(Command::Ban { peer, time })
    }

    /// Ends a ban and forgets the penalties that led to it.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Closed`].
    pub fn unban(&self, peer: PeerId) -> Result<(), SendError> {
        self.command(Command::Unban(peer))
    }

    /// Closes all connections and ends the network task; returns when it has ended.
    pub async fn shutdown(&self) {
        // An error says that the task has ended already.
        let _ = self.commands.send(Command::Shutdown).await;
        self.commands.closed().await;
    }

    fn command(&self, command: Command) -> Result<(), SendError> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Closed,
        })
    }
}
