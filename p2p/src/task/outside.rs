//! By which addresses others reach this node, where its operator does not say.
//!
//! A peer that dialed tells the address it dialed, and so one that works. One may lie, and names cost a liar nothing,
//! so an address is believed once peers of several networks tell it. It is told to others as long as any of them does.
//!
//! # Not here
//! Addresses that peers saw this node dial from: behind a NAT nobody reaches those.

use super::Network;
use crate::gate::{Origin, network_of};
use crate::manager::split;
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::planted;

/// Networks whose peers must tell an address.
const NETWORKS_MIN: usize = 3;

/// Addresses that connected peers tell. See the module.
#[derive(Debug, Default)]
pub(super) struct Outside {
    told: BTreeMap<PeerId, (Origin, Multiaddr)>,
    believed: BTreeSet<Multiaddr>,
}

/// An address that is believed from now on, or no more.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Found(Multiaddr),
    Lost(Multiaddr),
}

impl Outside {
    /// A peer at `from`, which dialed, says that it reached this node at `address`.
    fn told(&mut self, peer: PeerId, from: &Multiaddr, address: &Multiaddr) -> Vec<Change> {
        let (_, address) = split(address);
        match network_of(from) {
            Some(network) if network_of(&address).is_some() => self.told.insert(peer, (network, address)),
            _ => self.told.remove(&peer),
        };
        self.changes()
    }

    /// A peer is gone.
    fn gone(&mut self, peer: &PeerId) -> Vec<Change> {
        if self.told.remove(peer).is_some() { self.changes() } else { Vec::new() }
    }

    fn changes(&mut self) -> Vec<Change> {
        let mut networks: BTreeMap<&Multiaddr, BTreeSet<Origin>> = BTreeMap::new();
        for (network, address) in self.told.values() {
            networks.entry(address).or_default().insert(*network);
        }
        let lost: Vec<_> = self.believed.iter().filter(|a| !networks.contains_key(a)).cloned().collect();
        let agreed = |told: &BTreeSet<Origin>| {
            told.len() >= NETWORKS_MIN || planted!("one-peer-names-our-address", !told.is_empty())
        };
        let found =
            networks.iter().filter(|(address, told)| agreed(told) && !self.believed.contains(**address));
        let found: Vec<_> = found.map(|(address, _)| (*address).clone()).collect();
        self.believed.retain(|address| !lost.contains(address));
        self.believed.extend(found.iter().cloned());
        lost.into_iter().map(Change::Lost).chain(found.into_iter().map(Change::Found)).collect()
    }
}

impl Network {
    /// A peer has told by which address it sees this node.
    pub(super) fn on_observed(&mut self, peer: PeerId, address: &Multiaddr) {
        let Some(entry) = self.peers.get(&peer) else { return };
        if entry.outbound || !self.config.external.is_empty() {
            return;
        }
        let changes = self.outside.told(peer, &entry.address, address);
        self.apply(changes);
    }

    /// Drops the address that a peer told which is gone now.
    pub(super) fn forget_observed(&mut self, peer: &PeerId) {
        let changes = self.outside.gone(peer);
        self.apply(changes);
    }

    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Found(address) => {
                    tracing::info!(%address, "peers of several networks reach this node here");
                    self.swarm.add_external_address(address);
                }
                Change::Lost(address) => {
                    tracing::info!(%address, "no peer reaches this node here any more");
                    self.swarm.remove_external_address(&address);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "outside_tests.rs"]
mod tests;
