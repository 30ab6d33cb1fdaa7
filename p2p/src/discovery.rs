//! Kademlia that dials nobody: it says whom it wants to reach, and the manager decides.
//!
//! The library dials whomever its queries come across, at whatever addresses strangers told. Its dials are taken from
//! it here, with the addresses that it knows, and handed out as [`Wish`]es. Nothing else that it tells is used: a peer
//! that was met is what a look around is for.

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::kad::{self, store::MemoryStore};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::task::{Context, Poll};

type Kad = kad::Behaviour<MemoryStore>;

/// A connection that Kademlia needs to go on with.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) peer: PeerId,
    pub(crate) addresses: Vec<Multiaddr>,
    connection: ConnectionId,
}

/// See the module.
pub(crate) struct Discovery(Kad);

impl Discovery {
    pub(crate) fn new(inner: Kad) -> Self {
        Self(inner)
    }

    /// A peer that serves, and where.
    pub(crate) fn add_address(&mut self, peer: &PeerId, address: Multiaddr) {
        self.0.add_address(peer, address);
    }

    pub(crate) fn remove_peer(&mut self, peer: &PeerId) {
        self.0.remove_peer(peer);
    }

    /// The wish is not granted: the query goes on without this peer.
    pub(crate) fn declined(&mut self, wish: &Wish) {
        let (peer_id, connection_id) = (Some(wish.peer), wish.connection);
        let failed = DialFailure { peer_id, error: &DialError::Aborted, connection_id };
        self.0.on_swarm_event(FromSwarm::DialFailure(failed));
    }
}

impl NetworkBehaviour for Discovery {
    type ConnectionHandler = THandler<Kad>;
    type ToSwarm = Option<Wish>;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.0.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.0.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Option<Wish>, THandlerInEvent<Self>>> {
        self.0.poll(cx).map(|event| match event {
            ToSwarm::Dial { opts } => {
                let (peer, connection) = (opts.get_peer_id(), opts.connection_id());
                let known =
                    self.0.handle_pending_outbound_connection(connection, peer, &[], Endpoint::Dialer);
                ToSwarm::GenerateEvent(peer.map(|peer| Wish {
                    peer,
                    addresses: known.unwrap_or_default(),
                    connection,
                }))
            }
            other => other.map_out(|_| None),
        })
    }
}
