//! Several connections with one peer: when it came back while this node still held a dead one, or when both dialed.
//!
//! A node that is killed over QUIC, loses its power or its link says no good-bye. Its peers hold a connection that
//! nobody is at the other end of, and the library builds on it: gossip tells what it takes on a peer's first
//! connection only, and all connections of a peer share one queue, requests go over each in turn, streams are written
//! on the oldest. So:
//!
//! - A hello under another session number shows that its sender holds no older connection: these end at once, the peer
//!   counts as gone and come, and gossip tells again what it takes.
//! - Gossip tells again, too, when one of several connections ends: what it said may have gone down with that one.
//! - Where two connections live, since both sides dialed at the same time, one is left after the time for a handshake:
//!   the newest that the side with the smaller peer id dialed. Both ends come to the same.

use super::Network;
use crate::error::GoneReason;
use crate::event::NetEvent;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::behaviour::ConnectionEstablished;
use libp2p::swarm::{ConnectionId, FromSwarm, NetworkBehaviour};
use libp2p::{PeerId, gossipsub};
use tokio::time::Instant;
use wattle_primitives::planted;

/// An open connection.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: ConnectionId,
    pub(super) endpoint: ConnectedPoint,
}

/// The connection that stays, of several: `outbound` says of each, oldest first, whether this node dialed it.
fn kept(outbound: impl Iterator<Item = bool>, local: &PeerId, peer: &PeerId) -> Option<usize> {
    let by_smaller = |outbound: bool| outbound == (local < peer);
    let ranked = outbound.enumerate().max_by_key(|(at, outbound)| (by_smaller(*outbound), *at));
    ranked.map(|(at, _)| at)
}

impl Network {
    /// A connection with a peer is closed.
    pub(super) fn on_closed(&mut self, peer: PeerId, connection: ConnectionId) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        entry.connections.retain(|open| open.id != connection);
        let Some(oldest) = entry.connections.first() else { return self.on_disconnected(peer) };
        entry.address = oldest.endpoint.get_remote_address().clone();
        entry.outbound = oldest.endpoint.is_dialer();
        self.announce(peer);
        self.publish_peer(peer);
    }

    /// A ready peer has begun anew, on this connection: the others with it are dead.
    pub(super) fn come_back(&mut self, peer: PeerId, connection: ConnectionId) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let dead: Vec<ConnectionId> =
            entry.connections.iter().map(|open| open.id).filter(|id| *id != connection).collect();
        let hello = entry.hello.take();
        tracing::debug!(%peer, dead = dead.len(), "came back while older connections stood");
        for id in dead {
            self.end_connection(peer, id);
        }
        if let Some(hello) = hello {
            let validator = hello.validator.map(|v| v.key);
            self.tell(NetEvent::PeerGone { peer, validator, reason: GoneReason::Closed });
        }
    }

    /// Closes one connection. What validators exchange goes over another one from now on, however long that takes.
    pub(super) fn end_connection(&mut self, peer: PeerId, connection: ConnectionId) {
        if self.swarm.close_connection(connection) {
            self.swarm.behaviour_mut().streams.disconnected(peer, connection);
        }
    }

    /// Has gossip tell a ready peer what this node takes, as on a first connection.
    pub(super) fn announce(&mut self, peer: PeerId) {
        let ready = self.peers.get(&peer).filter(|p| p.hello.is_some() && p.leaving.is_none());
        let Some(open) = ready.and_then(|p| p.connections.last()) else { return };
        if planted!("returned-peer-unheard") {
            return;
        }
        let established = ConnectionEstablished {
            peer_id: peer,
            connection_id: open.id,
            endpoint: &open.endpoint,
            failed_addresses: &[],
            other_established: 0,
        };
        let gossip: &mut gossipsub::Behaviour = &mut self.swarm.behaviour_mut().gossip;
        gossip.on_swarm_event(FromSwarm::ConnectionEstablished(established));
    }

    /// Ends all connections but one of each peer that has had several for long enough.
    pub(super) fn part(&mut self, now: Instant) {
        let local = self.shared.local;
        let mut surplus = Vec::new();
        for (peer, entry) in &mut self.peers {
            if entry.hello.is_none() || entry.part_at.is_none_or(|at| at > now) {
                continue;
            }
            entry.part_at = None;
            let outbound = entry.connections.iter().map(|open| open.endpoint.is_dialer());
            let kept = kept(outbound, &local, peer);
            let others = entry.connections.iter().enumerate().filter(|(at, _)| Some(*at) != kept);
            let others = others.filter(|_| !planted!("surplus-connections-stay"));
            surplus.extend(others.map(|(_, open)| (*peer, open.id)));
        }
        for (peer, connection) in surplus {
            self.end_connection(peer, connection);
        }
    }
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
