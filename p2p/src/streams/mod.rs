//! Validator streams: votes and blocks, each on a stream of its own, written and read inside the connection's task.
//!
//! A connection reads a validator's streams once the peer has proven an allowed key; until then they wait unread, so
//! that a peer whose handshake finished earlier loses nothing. All connections of a peer read, one writes. A stream
//! that breaks is opened again with a growing pause, and each opening is told, so that consensus sends again what
//! still matters.
//!
//! # Not here
//! Who is allowed (`crate::task`), the queues (`crate::shared`).

mod frames;
mod handler;

pub use frames::{ReadError, Reader};

use crate::event::{NetEvent, Offence, Penalty};
use crate::shared::{Link, Shared};
use handler::{FromHandler, Handler, ToHandler};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, StreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::mpsc;
use wattle_primitives::PublicKey;

/// Right of a peer to validator streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The handshake is not complete: wait.
    Undecided,
    /// The peer has proven no key: what it opens is against the protocol.
    Never,
    /// The peer has proven a key that is not in the set at present.
    NotNow,
    /// The peer has proven this key, which is in the set.
    Granted(PublicKey),
}

/// Report of the streams to the network task.
#[derive(Debug)]
pub(crate) enum StreamsEvent {
    /// Both streams towards a validator are open, for the first time or again.
    Opened {
        /// The peer.
        peer: PeerId,
        /// Its key.
        key: PublicKey,
    },
    /// The peer broke the protocol.
    Violation {
        /// The peer.
        peer: PeerId,
        /// The fault, for people.
        detail: String,
        /// Its penalty.
        penalty: Penalty,
        /// Its offence.
        offence: Offence,
    },
}

/// The connections of one peer.
struct Peer {
    connections: Vec<ConnectionId>,
    access: Access,
    writer: Option<(ConnectionId, Arc<Link>)>,
}

/// The behaviour.
pub(crate) struct Streams {
    shared: Arc<Shared>,
    events: mpsc::Sender<NetEvent>,
    /// Names of the streams, votes first; empty on a node that is no validator: it neither opens nor accepts any.
    names: Vec<StreamProtocol>,
    peers: BTreeMap<PeerId, Peer>,
    // Bounded by a few entries a connection: each change of access adds one for every connection of the peer.
    pending: VecDeque<ToSwarm<StreamsEvent, ToHandler>>,
    waker: Option<Waker>,
}

impl Streams {
    pub(crate) fn new(
        shared: Arc<Shared>,
        events: mpsc::Sender<NetEvent>,
        names: Vec<StreamProtocol>,
    ) -> Self {
        Self { shared, events, names, peers: BTreeMap::new(), pending: VecDeque::new(), waker: None }
    }

    /// Says what a peer may do from now on.
    pub(crate) fn set_access(&mut self, peer: PeerId, access: Access) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if entry.access == access {
            return;
        }
        entry.access = access;
        let connections = entry.connections.clone();
        for id in connections {
            self.notify(peer, id, ToHandler::Access(access));
        }
        self.choose_writer(peer);
    }

    /// Sees to it that exactly one connection writes to a peer with access, and none to others.
    fn choose_writer(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let key = match entry.access {
            Access::Granted(key) if !self.names.is_empty() => Some(key),
            _ => None,
        };
        let current = entry
            .writer
            .as_ref()
            .filter(|(id, link)| entry.connections.contains(id) && key == Some(link.key));
        if current.is_some() {
            return;
        }
        let old = entry.writer.take();
        if let (Some(key), Some(id)) = (key, entry.connections.first().copied()) {
            let link = Arc::new(Link::new(key, &self.shared.limits));
            entry.writer = Some((id, Arc::clone(&link)));
            self.shared.set_link(peer, Some(Arc::clone(&link)));
            self.notify(peer, id, ToHandler::Write(Some(link)));
            return;
        }
        self.shared.set_link(peer, None);
        if let Some((id, _)) = old
            && entry.connections.contains(&id)
        {
            self.notify(peer, id, ToHandler::Write(None));
        }
    }

    fn notify(&mut self, peer_id: PeerId, id: ConnectionId, event: ToHandler) {
        self.pending.push_back(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(id), event });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn handler(&self) -> Handler {
        Handler::new(self.names.clone(), self.events.clone())
    }

    fn connected(&mut self, peer: PeerId, id: ConnectionId) {
        let entry = self.peers.entry(peer).or_insert_with(|| Peer {
            connections: Vec::new(),
            access: Access::Undecided,
            writer: None,
        });
        entry.connections.push(id);
        let access = entry.access;
        if access != Access::Undecided {
            self.notify(peer, id, ToHandler::Access(access));
        }
        self.choose_writer(peer);
    }

    /// A connection is gone, or is going to end: another one writes.
    pub(crate) fn disconnected(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        entry.connections.retain(|c| *c != id);
        if entry.connections.is_empty() {
            self.peers.remove(&peer);
            self.shared.set_link(peer, None);
        } else {
            self.choose_writer(peer);
        }
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = StreamsEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler().of(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler().of(peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(c) => self.connected(c.peer_id, c.connection_id),
            FromSwarm::ConnectionClosed(c) => self.disconnected(c.peer_id, c.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        let event = match event {
            FromHandler::Opened { key } => StreamsEvent::Opened { peer, key },
            FromHandler::Violation { detail, penalty, offence } => {
                StreamsEvent::Violation { peer, detail, penalty, offence }
            }
        };
        self.pending.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<StreamsEvent, THandlerInEvent<Self>>> {
        match self.pending.pop_front() {
            Some(event) => Poll::Ready(event),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
