//! Peers' whereabouts as the network hears of them, for the manager; and the addresses that names stand for.

use super::peers::Peer;
use super::{ESTRANGED, Network};
use crate::discovery::Wish;
use crate::door::Order;
use crate::error::GoneReason;
use crate::event::BanReason;
use crate::manager::{Event, Source, Target, name_of};
use crate::wire::Role;
use futures::FutureExt;
use futures::future::join_all;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, identify, mdns};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for a name to be resolved.
const RESOLVE_MAX: Duration = Duration::from_secs(5);
/// Most addresses that one name stands for.
const RESOLVED_MAX: usize = 8;
/// Most addresses that a peer's word is taken for.
const TOLD_MAX: usize = 8;
/// Longest program name that is kept of a peer, in characters.
const AGENT_CHARS_MAX: usize = 64;

/// Addresses that the names of a target stand for at present.
pub(super) struct Resolved {
    target: Target,
    addresses: Vec<Multiaddr>,
}

impl Network {
    /// Tells the manager something that it refuses nobody for.
    pub(super) fn manage(&mut self, event: Event) {
        let _ = self.swarm.behaviour_mut().door.tell(Instant::now(), event);
    }

    pub(super) fn on_order(&mut self, order: Order) {
        match order {
            Order::Resolve { target, names } => self.resolving.push(resolve(target, names).boxed()),
            Order::Yield(peer) => {
                tracing::debug!(%peer, "gives its place up");
                let (now, mut key) = (Instant::now(), None);
                if let Some(entry) = self.peers.get_mut(&peer) {
                    entry.leaving.get_or_insert(GoneReason::Yielded);
                    entry.close_at = Some(now); // until it is gone: it may open further connections
                    key = entry.meter_key();
                }
                if key.is_some() {
                    // For a while: two light nodes with one meter's key would else take turns with each dial.
                    let same = |(other, entry): (&PeerId, &Peer)| *other != peer && entry.meter_key() == key;
                    if self.peers.iter().any(same) {
                        tracing::warn!(%peer, "another light node has the same meter's key, and takes its place");
                    }
                    self.scores.refuse(peer, BanReason::Displaced, ESTRANGED, now);
                    self.keep_out(peer);
                } else {
                    self.disconnect(peer);
                }
            }
        }
    }

    pub(super) fn on_resolved(&mut self, Resolved { target, addresses }: Resolved) {
        self.manage(Event::Resolved { target, addresses });
    }

    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id: peer, info, .. } = event else { return };
        self.on_observed(peer, &info.observed_addr);
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        // It may end on a terminal.
        let printable = info.agent_version.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
        entry.agent = printable.take(AGENT_CHARS_MAX).collect();
        if entry.leaving.is_some() {
            return;
        }
        let addresses: Vec<Multiaddr> = info.listen_addrs.into_iter().take(TOLD_MAX).collect();
        if info.protocols.contains(&self.names.kademlia())
            && let Some(kademlia) = self.swarm.behaviour_mut().kademlia.as_mut()
        {
            addresses.iter().for_each(|address| kademlia.add_address(&peer, address.clone()));
        }
        // A light node calls where its operator and the local network say, and pays for no other try.
        if self.config.role != Role::Light {
            self.manage(Event::Found { peer, addresses, source: Source::Identify });
        }
    }

    pub(super) fn on_wish(&mut self, wish: &Wish) {
        let behaviour = self.swarm.behaviour_mut();
        if behaviour.door.grants(Instant::now(), wish.peer, wish.addresses.clone()) {
            return;
        }
        if let Some(kademlia) = behaviour.kademlia.as_mut() {
            kademlia.declined(wish);
        }
    }

    pub(super) fn on_local_discovery(&mut self, event: mdns::Event) {
        let (found, told) = match event {
            mdns::Event::Discovered(told) => (true, told),
            mdns::Event::Expired(told) => (false, told),
        };
        let mut peers: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        for (peer, address) in told {
            peers.entry(peer).or_default().push(address);
        }
        for (peer, addresses) in peers {
            self.manage(if found {
                Event::Found { peer, addresses, source: Source::Mdns }
            } else {
                Event::Expired { peer, addresses }
            });
        }
    }
}

/// Asks the operating system for the addresses of every name, and puts each in the place of its name.
async fn resolve(target: Target, names: Vec<Multiaddr>) -> Resolved {
    let addresses = join_all(names.into_iter().map(resolve_one)).await.concat();
    Resolved { target, addresses }
}

async fn resolve_one(name: Multiaddr) -> Vec<Multiaddr> {
    let Some((host, port)) = name_of(&name) else { return Vec::new() };
    let lookup = tokio::time::timeout(RESOLVE_MAX, tokio::net::lookup_host((host, port))).await;
    let Ok(Ok(found)) = lookup else { return Vec::new() };
    let version = name.iter().next();
    found
        .filter(|a| match version {
            Some(Protocol::Dns4(_)) => a.is_ipv4(),
            Some(Protocol::Dns6(_)) => a.is_ipv6(),
            _ => true,
        })
        .take(RESOLVED_MAX)
        .filter_map(|a| name.replace(0, |_| Some(Protocol::from(a.ip()))))
        .collect()
}
