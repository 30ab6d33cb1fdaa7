//! Ways to the peers: connections that stand, or a call to one of them.

use super::LightError;
use super::turns::Turns;
use crate::config::LightConfig;
use crate::follow::Follower;
use crate::pace::random;
use crate::peers::Peers;
use crate::sign::Signer;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use wattle_p2p::wire::{Request, Response, Role};
use wattle_p2p::{Config as NetConfig, Handle, Multiaddr, NetEvent, NodeKey, PeerId, RequestError};
use wattle_primitives::{Height, planted};

/// Longest wait for a peer that was dialed: two tries of 10 s each, and pauses between, on a line that is busy.
const READY_MAX: Duration = Duration::from_secs(40);
/// Between two looks whether it is there.
const POLL: Duration = Duration::from_millis(50);

/// A line on which peers are called, one after the other.
pub(crate) trait Line: Send {
    /// A peer that was reached, for as long as the call lasts.
    type Call: Peers;

    /// Calls the next peer; `height` is told to it. `None` when it cannot be reached.
    ///
    /// # Errors
    /// [`LightError::Network`].
    fn call(&mut self, height: Height)
    -> impl Future<Output = Result<Option<Self::Call>, LightError>> + Send;

    /// Hangs up, if a call is under way.
    fn hang_up(&mut self) -> impl Future<Output = ()> + Send;
}

/// The configured peers.
pub(crate) struct Dialer {
    net: NetConfig,
    peers: Vec<Multiaddr>,
    turns: Turns,
    /// Whether the local network may be asked.
    mdns: bool,
    /// Whether the last call reached nobody.
    failed: bool,
    current: Option<Handle>,
    /// Index of the peer that was called, and whether it has lied.
    called: Option<(usize, Arc<AtomicBool>)>,
}

/// A peer that was called. What it is blamed for outlasts the call.
pub(crate) struct Called {
    net: Handle,
    lied: Arc<AtomicBool>,
}

impl Peers for Called {
    fn ready(&self) -> Vec<PeerId> {
        Peers::ready(&self.net)
    }

    async fn ask(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        let answer = Peers::ask(&self.net, peer, request).await;
        if matches!(&answer, Err(RequestError::Garbage { .. })) {
            self.lied.store(true, Ordering::Relaxed);
        }
        answer
    }

    fn blame(&self, peer: PeerId) {
        self.lied.store(true, Ordering::Relaxed);
        Peers::blame(&self.net, peer);
    }
}

impl Dialer {
    /// # Errors
    /// [`LightError::Address`], [`LightError::Entropy`], [`LightError::Network`].
    pub(crate) fn new(
        config: &LightConfig,
        follower: &Follower,
        signer: Option<&Signer>,
    ) -> Result<Self, LightError> {
        // Nobody needs to know a light node again: a new identity at each start.
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(LightError::Entropy)?;
        let node_key = NodeKey::from_seed(&mut seed).map_err(LightError::Network)?;
        let mut net = NetConfig::new(follower.chain(), node_key, Role::Light);
        let parse = |address: &wattle_chain_spec::NodeAddress| {
            let parsed = address.as_str().parse::<Multiaddr>();
            parsed.map_err(|_| LightError::Address { address: address.to_string() })
        };
        let peers: Vec<Multiaddr> = config.peers.iter().map(parse).collect::<Result<_, _>>()?;
        net.mdns = config.mdns;
        net.meter_proof = signer.map(|signer| signer.peer(&net.node_key.peer_id()));
        net.gossip_headers = false; // the newest header is asked for when it is needed: a rest without work
        // A village does not begin with the same peer.
        let turns = Turns::new(peers.len(), random());
        Ok(Self { net, peers, turns, mdns: config.mdns, failed: false, current: None, called: None })
    }

    /// Connects with all peers, to stay.
    ///
    /// # Errors
    /// [`LightError::Network`].
    pub(crate) fn connect(
        &mut self,
        height: Height,
    ) -> Result<(Handle, mpsc::Receiver<NetEvent>), LightError> {
        self.net.persistent.clone_from(&self.peers);
        self.start(height)
    }

    /// One of the listed peers, in turn, so that none is believed or waited for alone. The local network is asked, too,
    /// where none is listed or the last one was not reached.
    fn aim(&mut self) -> Option<usize> {
        let at = self.turns.choose(Instant::now());
        let listed = at.and_then(|at| self.peers.get(at)).cloned();
        self.net.persistent = listed.map(whoever_is_at).into_iter().collect();
        let asked = self.peers.is_empty() || self.failed && !planted!("light-mdns-never-asked");
        self.net.mdns = self.mdns && asked;
        self.net.thrifty = true;
        at
    }

    fn start(&mut self, height: Height) -> Result<(Handle, mpsc::Receiver<NetEvent>), LightError> {
        self.net.height = height;
        let (handle, events) = wattle_p2p::spawn(self.net.clone()).map_err(LightError::Network)?;
        self.current = Some(handle.clone());
        Ok((handle, events))
    }
}

impl Line for Dialer {
    type Call = Called;

    async fn call(&mut self, height: Height) -> Result<Option<Called>, LightError> {
        let at = self.aim();
        let lied = Arc::new(AtomicBool::new(false));
        // A lie heard while the local network is asked, too, may be anybody's.
        self.called = at.filter(|_| !self.net.mdns).map(|at| (at, Arc::clone(&lied)));
        let (handle, events) = self.start(height)?;
        let refused = Arc::new(Notify::new());
        tokio::spawn(drain(events, Arc::clone(&refused))); // ends with the call
        let ready = async {
            while Peers::ready(&handle).is_empty() {
                tokio::time::sleep(POLL).await;
            }
        };
        let alone = !self.net.mdns; // with the local network, another one may answer
        let reached = tokio::select! {
            () = ready => true,
            () = refused.notified(), if alone => false,
            () = tokio::time::sleep(READY_MAX) => false,
        };
        self.failed = !reached;
        Ok(reached.then_some(Called { net: handle, lied }))
    }

    async fn hang_up(&mut self) {
        if let Some((at, _)) = self.called.take().filter(|(_, lied)| lied.load(Ordering::Relaxed)) {
            self.turns.blame(at, Instant::now());
        }
        if let Some(handle) = self.current.take() {
            handle.shutdown().await;
        }
    }
}

/// The address without a peer's id: whoever answers there is as good, since all that a light node believes is proven.
fn whoever_is_at(mut address: Multiaddr) -> Multiaddr {
    if address.protocol_stack().last() == Some("p2p") && !planted!("light-call-wants-one-peer") {
        let _ = address.pop();
    }
    address
}

/// A light node is asked nothing and gossips nothing; dropping a question answers that it is busy. Tells of a handshake
/// that came to nothing.
pub(super) async fn drain(mut events: mpsc::Receiver<NetEvent>, refused: Arc<Notify>) {
    while let Some(event) = events.recv().await {
        match event {
            NetEvent::PeerReady { peer, height, .. } => {
                tracing::info!(%peer, height = height.0, "peer ready")
            }
            NetEvent::PeerGone { peer, reason, .. } => tracing::info!(%peer, %reason, "peer gone"),
            NetEvent::PeerRefused { peer, refusal, by_peer } => {
                tracing::warn!(%peer, %refusal, by_peer, "peer refused");
                refused.notify_one();
            }
            NetEvent::ValidatorMessage { .. }
            | NetEvent::Gossip { .. }
            | NetEvent::Request { .. }
            | NetEvent::PeerHeight { .. }
            | NetEvent::ValidatorConnected { .. }
            | NetEvent::Listening { .. } => {}
        }
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
