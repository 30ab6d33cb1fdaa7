//! A protocol that opens no stream towards a light node which does not use it.
//!
//! A light node on a metered line pays for every byte, and pings, identification and gossip subscriptions cost more
//! than all that it asks. What a protocol wants to open waits until the peer is known to be no light node, or opens
//! such a stream itself. What the peer opens is served as ever.

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::handler::ConnectionEvent;
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll, Waker};
use wattle_primitives::planted;

/// Streams that may wait on one connection; a further one is not opened at all.
const WAITING_MAX: usize = 4;

/// See the module.
pub(crate) struct Quiet<B> {
    inner: B,
    peers: BTreeMap<PeerId, Peer>,
    // Bounded: one entry for each connection of a peer that may be spoken to.
    pending: VecDeque<(PeerId, ConnectionId)>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Peer {
    connections: Vec<ConnectionId>,
    /// Whether it is no light node.
    open: bool,
}

impl<B> Quiet<B> {
    pub(crate) const fn new(inner: B) -> Self {
        Self { inner, peers: BTreeMap::new(), pending: VecDeque::new(), waker: None }
    }

    /// The peer is no light node: what waits is opened, and what comes later at once.
    pub(crate) fn speak(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.get_mut(&peer).filter(|entry| !entry.open) else { return };
        entry.open = true;
        self.pending.extend(entry.connections.iter().map(|id| (peer, *id)));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn connected(&mut self, peer: PeerId, id: ConnectionId) {
        let entry = self.peers.entry(peer).or_default();
        entry.connections.push(id);
        if entry.open {
            self.pending.push_back((peer, id));
        }
    }

    fn disconnected(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        entry.connections.retain(|other| *other != id);
        if entry.connections.is_empty() {
            self.peers.remove(&peer);
        }
    }
}

impl<B> Deref for Quiet<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.inner
    }
}

impl<B> DerefMut for Quiet<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Quiet<B> {
    type ConnectionHandler = Held<THandler<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(id, peer, local, remote).map(Held::new)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(id, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(id, peer, address, role, port).map(Held::new)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(c) => self.connected(c.peer_id, c.connection_id),
            FromSwarm::ConnectionClosed(c) => self.disconnected(c.peer_id, c.connection_id),
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, id)) = self.pending.pop_front() {
            let (handler, event) = (NotifyHandler::One(id), ToHeld::Speak);
            return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler, event });
        }
        self.waker = Some(cx.waker().clone());
        self.inner.poll(cx).map(|event| event.map_in(ToHeld::Inner))
    }
}

/// From the behaviour to a connection.
#[derive(Debug)]
pub(crate) enum ToHeld<E> {
    /// Open what waits.
    Speak,
    /// For the protocol itself.
    Inner(E),
}

/// One connection's share: the protocol's own, whose streams may have to wait.
pub(crate) struct Held<H: ConnectionHandler> {
    inner: H,
    open: bool,
    waiting: VecDeque<SubstreamProtocol<H::OutboundProtocol, H::OutboundOpenInfo>>,
}

impl<H: ConnectionHandler> Held<H> {
    const fn new(inner: H) -> Self {
        Self { inner, open: false, waiting: VecDeque::new() }
    }
}

impl<H: ConnectionHandler> ConnectionHandler for Held<H> {
    type FromBehaviour = ToHeld<H::FromBehaviour>;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = H::InboundProtocol;
    type OutboundProtocol = H::OutboundProtocol;
    type InboundOpenInfo = H::InboundOpenInfo;
    type OutboundOpenInfo = H::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        self.inner.listen_protocol()
    }

    fn connection_keep_alive(&self) -> bool {
        self.inner.connection_keep_alive()
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        if self.open
            && let Some(protocol) = self.waiting.pop_front()
        {
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        loop {
            match self.inner.poll(cx) {
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
                    if !self.open && !planted!("light-node-is-chattered-to") =>
                {
                    if self.waiting.len() < WAITING_MAX {
                        self.waiting.push_back(protocol);
                    }
                }
                other => return other,
            }
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        self.inner.poll_close(cx)
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {
            ToHeld::Speak => self.open = true,
            ToHeld::Inner(event) => self.inner.on_behaviour_event(event),
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        // Whoever opens such a stream uses the protocol, whatever its role.
        self.open |= matches!(event, ConnectionEvent::FullyNegotiatedInbound(_));
        self.inner.on_connection_event(event);
    }
}

#[cfg(test)]
#[path = "quiet_tests.rs"]
mod tests;
