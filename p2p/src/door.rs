//! The manager's hand on the swarm: it dials what the manager wants and nothing else, and asks it whom to let in.

use crate::gate::{Origins, ip_of};
use crate::manager::{Decision, Event, Failure, Manager, Target, Turned};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use tokio::time::Instant;
use wattle_primitives::planted;

/// Orders of the manager to the network task.
#[derive(Debug)]
pub(crate) enum Order {
    /// Ask what these addresses' names stand for.
    Resolve { target: Target, names: Vec<Multiaddr> },
    /// Disconnect the peer: its place is another's.
    Yield(PeerId),
}

/// A part of the program wanted to dial without the manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody decided to dial this peer")]
struct Undecided;

/// See the module.
pub(crate) struct Door {
    manager: Manager,
    origins: Origins,
    /// Dials under way.
    dials: HashMap<ConnectionId, Target>,
    decided: VecDeque<Decision>,
}

impl Door {
    pub(crate) fn new(manager: Manager, origins: Origins) -> Self {
        Self { manager, origins, dials: HashMap::new(), decided: VecDeque::new() }
    }

    /// Tells the manager. What it decides is carried out when the swarm is polled next.
    ///
    /// # Errors
    /// [`Turned`] when the event was a newcomer's that is sent away.
    pub(crate) fn tell(&mut self, now: Instant, event: Event) -> Result<(), Turned> {
        let mut refused = Ok(());
        for decision in self.manager.on(now, event) {
            match decision {
                Decision::Refuse { reason, .. } => refused = Err(reason),
                other => self.decided.push_back(other),
            }
        }
        refused
    }

    /// Whether Kademlia gets the connection that it wants.
    pub(crate) fn grants(&mut self, now: Instant, peer: PeerId, addresses: Vec<Multiaddr>) -> bool {
        let decisions = self.manager.on(now, Event::Wish { peer, addresses });
        let granted = !decisions.contains(&Decision::Decline(peer));
        self.decided.extend(decisions.into_iter().filter(|_| granted));
        granted
    }
}

fn failure_of(error: &DialError) -> Failure {
    match error {
        DialError::WrongPeerId { obtained, address } => {
            Failure::Other { peer: *obtained, address: address.clone() }
        }
        DialError::DialPeerConditionFalse(_) => Failure::Moot,
        DialError::LocalPeerId { .. }
        | DialError::NoAddresses
        | DialError::Aborted
        | DialError::Denied { .. }
        | DialError::Transport(_) => Failure::Nobody,
    }
}

impl NetworkBehaviour for Door {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Order;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let origin = ip_of(remote).map(|ip| self.origins.of(ip));
        self.tell(Instant::now(), Event::Arrives { peer, origin }).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        _: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.dials.contains_key(&id) || planted!("anybody-dials") {
            return Ok(Vec::new());
        }
        Err(ConnectionDenied::new(Undecided))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let event = match event {
            FromSwarm::ConnectionEstablished(new) => {
                let ip = ip_of(new.endpoint.get_remote_address());
                let origin = ip.map(|ip| self.origins.of(ip));
                let target = self.dials.remove(&new.connection_id);
                Event::Connected { peer: new.peer_id, target, ip, origin }
            }
            FromSwarm::ConnectionClosed(closed) => Event::Closed(closed.peer_id),
            FromSwarm::DialFailure(failed) => {
                let Some(target) = self.dials.remove(&failed.connection_id) else { return };
                Event::Failed { target, failure: failure_of(failed.error) }
            }
            _ => return,
        };
        // Only newcomers are refused, and none of these is one.
        let _ = self.tell(Instant::now(), event);
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Order, THandlerInEvent<Self>>> {
        // Whatever leads to a decision also polls the swarm: no waker is needed.
        while let Some(decision) = self.decided.pop_front() {
            let order = match decision {
                Decision::Dial { target, addresses } => {
                    let Some(opts) = options(&target, addresses) else { continue };
                    self.dials.insert(opts.connection_id(), target);
                    return Poll::Ready(ToSwarm::Dial { opts });
                }
                Decision::Resolve { target, names } => Order::Resolve { target, names },
                Decision::Yield(peer) => Order::Yield(peer),
                Decision::Decline(_) | Decision::Refuse { .. } => continue, // answers to who asked
            };
            return Poll::Ready(ToSwarm::GenerateEvent(order));
        }
        Poll::Pending
    }
}

fn options(target: &Target, mut addresses: Vec<Multiaddr>) -> Option<DialOpts> {
    match target {
        Target::Peer(peer) => {
            let options = DialOpts::peer_id(*peer).condition(PeerCondition::DisconnectedAndNotDialing);
            Some(options.addresses(addresses).build())
        }
        Target::Site(_) => Some(DialOpts::unknown_peer_id().address(addresses.pop()?).build()),
    }
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
