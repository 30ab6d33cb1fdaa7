//! Whom to connect to: persistent peers for ever, peers found by Kademlia and on the local network while there is room.

use super::Network;
use futures::FutureExt;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, identify, kad, mdns};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::Instant;

/// First pause between two tries; doubles up to the configured maximum.
const REDIAL_MIN: Duration = Duration::from_millis(100);
/// Longest wait for a name to be resolved.
const RESOLVE_MAX: Duration = Duration::from_secs(5);
/// Most addresses tried for one peer.
const ADDRESSES_MAX: usize = 8;
/// Longest program name that is kept of a peer, in characters.
const AGENT_CHARS_MAX: usize = 64;
/// Most persistent peers.
const TARGETS_MAX: usize = 1024;
/// Connections looked for through discovery, beyond the persistent peers.
const DISCOVERED_PEERS_WANTED: usize = 8;

/// A peer to stay connected with.
#[derive(Debug)]
pub(super) struct Target {
    /// Without `/p2p`.
    address: Multiaddr,
    /// Who is there, once known.
    peer: Option<PeerId>,
    failures: u32,
    next: Instant,
    /// The try under way: its connection, or none while the name is being resolved.
    attempt: Option<Option<ConnectionId>>,
}

/// Addresses that a name stands for at present.
pub(super) struct Resolved {
    target: Multiaddr,
    addresses: Vec<Multiaddr>,
}

/// Parts an address from the peer id at its end.
pub(super) fn split(address: &Multiaddr) -> (Option<PeerId>, Multiaddr) {
    let mut bare = address.clone();
    match bare.pop() {
        Some(Protocol::P2p(peer)) => (Some(peer), bare),
        _ => (None, address.clone()),
    }
}

impl Target {
    fn failed(&mut self, longest: Duration, now: Instant) {
        self.attempt = None;
        let pause = REDIAL_MIN.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures = self.failures.saturating_add(1);
        // Up to a quarter more, at random: after a power cut the whole village must not dial in step.
        let spread = u64::try_from(pause.as_millis() / 4).unwrap_or(u64::MAX).max(1);
        let jitter = RandomState::new().hash_one(self.failures) % spread;
        self.next = now + pause + Duration::from_millis(jitter);
    }
}

impl Network {
    pub(super) fn add_target(&mut self, address: Multiaddr) {
        let (peer, bare) = split(&address);
        if peer == Some(self.shared.local) {
            return; // one list of peers may serve all nodes, this one included
        }
        if self.targets.len() >= TARGETS_MAX || self.targets.iter().any(|t| t.address == bare) {
            return;
        }
        if let Some(peer) = &peer {
            self.swarm.behaviour_mut().limits.bypass_peer_id(peer);
        }
        self.targets.push(Target { address: bare, peer, failures: 0, next: Instant::now(), attempt: None });
    }

    /// Dials this peer no more.
    pub(super) fn remove_target(&mut self, peer: &PeerId) {
        self.targets.retain(|target| target.peer.as_ref() != Some(peer));
        self.swarm.behaviour_mut().limits.remove_peer_id(peer);
    }

    /// Dials every persistent peer that is due.
    pub(super) fn redial(&mut self, now: Instant) {
        for at in 0..self.targets.len() {
            let Some(target) = self.targets.get_mut(at) else { continue };
            let away = target.peer.is_none_or(|p| !self.swarm.is_connected(&p) && !self.scores.banned(&p));
            if !away || target.attempt.is_some() || target.next > now {
                continue;
            }
            target.attempt = Some(None);
            let address = target.address.clone();
            match name_of(&address) {
                Some((host, port)) => self.resolving.push(resolve(address, host, port).boxed()),
                None => self.on_resolved(Resolved { target: address.clone(), addresses: vec![address] }),
            }
        }
    }

    pub(super) fn on_resolved(&mut self, resolved: Resolved) {
        let Some(target) = self.targets.iter_mut().find(|t| t.address == resolved.target) else { return };
        let options = match (target.peer, resolved.addresses.first()) {
            (_, None) => None,
            (Some(peer), Some(_)) => Some(
                DialOpts::peer_id(peer)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(resolved.addresses)
                    .build(),
            ),
            (None, Some(first)) => Some(DialOpts::unknown_peer_id().address(first.clone()).build()),
        };
        let dialed = options.map(|options| (options.connection_id(), self.swarm.dial(options)));
        match dialed {
            Some((connection, Ok(()))) => target.attempt = Some(Some(connection)),
            Some((_, Err(error))) => {
                tracing::debug!(address = %target.address, %error, "cannot dial");
                target.failed(self.config.limits.redial_max, Instant::now());
            }
            None => target.failed(self.config.limits.redial_max, Instant::now()),
        }
    }

    pub(super) fn dial_succeeded(&mut self, connection: ConnectionId, peer: PeerId) {
        let Some(target) = self.targets.iter_mut().find(|t| t.attempt == Some(Some(connection))) else {
            return;
        };
        target.attempt = None;
        target.peer = Some(peer);
        self.swarm.behaviour_mut().limits.bypass_peer_id(&peer);
    }

    pub(super) fn dial_failed(&mut self, connection: ConnectionId) {
        let longest = self.config.limits.redial_max;
        if let Some(target) = self.targets.iter_mut().find(|t| t.attempt == Some(Some(connection))) {
            target.failed(longest, Instant::now());
        }
    }

    /// The handshake is complete: the next pause is short again.
    pub(super) fn welcomed(&mut self, peer: PeerId) {
        self.targets.iter_mut().filter(|t| t.peer == Some(peer)).for_each(|t| t.failures = 0);
    }

    /// The last connection closed: dial again, not at once.
    pub(super) fn lost(&mut self, peer: PeerId) {
        let longest = self.config.limits.redial_max;
        for target in self.targets.iter_mut().filter(|t| t.peer == Some(peer) && t.attempt.is_none()) {
            target.failed(longest, Instant::now());
        }
    }

    /// Connects with a peer that somebody told of, if more are wanted.
    fn consider(&mut self, peer: PeerId, mut addresses: Vec<Multiaddr>) {
        addresses.truncate(ADDRESSES_MAX);
        let chosen = self.peers.values().filter(|p| p.outbound).count();
        let wanted = self.targets.len().saturating_add(DISCOVERED_PEERS_WANTED);
        if peer == self.shared.local || self.scores.banned(&peer) || chosen >= wanted || addresses.is_empty()
        {
            return;
        }
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::trace!(%peer, %error, "not dialed");
        }
    }

    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else { return };
        self.on_observed(peer_id, &info.observed_addr);
        if let Some(entry) = self.peers.get_mut(&peer_id) {
            // It may end on a terminal.
            let printable = info.agent_version.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
            entry.agent = printable.take(AGENT_CHARS_MAX).collect();
        }
        let serves = info.protocols.contains(&self.names.kademlia());
        let known = self.peers.get(&peer_id).is_some_and(|p| p.leaving.is_none());
        if let Some(kademlia) = self.swarm.behaviour_mut().kademlia.as_mut()
            && serves
            && known
        {
            for address in info.listen_addrs.into_iter().take(ADDRESSES_MAX) {
                kademlia.add_address(&peer_id, address);
            }
        }
    }

    pub(super) fn on_kademlia(&mut self, event: kad::Event) {
        match event {
            kad::Event::RoutingUpdated { peer, is_new_peer: true, addresses, .. } => {
                self.consider(peer, addresses.into_vec());
            }
            kad::Event::OutboundQueryProgressed {
                result: kad::QueryResult::GetClosestPeers(Ok(found)),
                ..
            } => {
                for info in found.peers {
                    self.consider(info.peer_id, info.addrs);
                }
            }
            _ => {}
        }
    }

    pub(super) fn on_local_discovery(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else { return };
        let mut peers: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        for (peer, address) in found {
            peers.entry(peer).or_default().push(address);
        }
        for (peer, addresses) in peers {
            self.consider(peer, addresses);
        }
    }
}

/// Host and port of an address that names its host.
fn name_of(address: &Multiaddr) -> Option<(String, u16)> {
    let mut parts = address.iter();
    let host = match parts.next()? {
        Protocol::Dns(host) | Protocol::Dns4(host) | Protocol::Dns6(host) => host.into_owned(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some((host, port)),
        _ => None,
    }
}

/// Asks the operating system for the addresses of a host, and puts each in the place of the name.
async fn resolve(target: Multiaddr, host: String, port: u16) -> Resolved {
    let lookup = tokio::time::timeout(RESOLVE_MAX, tokio::net::lookup_host((host, port))).await;
    let Ok(Ok(found)) = lookup else { return Resolved { target, addresses: Vec::new() } };
    let version = target.iter().next();
    let addresses = found
        .filter(|a| match version {
            Some(Protocol::Dns4(_)) => a.is_ipv4(),
            Some(Protocol::Dns6(_)) => a.is_ipv6(),
            _ => true,
        })
        .take(ADDRESSES_MAX)
        .filter_map(|a| target.replace(0, |_| Some(Protocol::from(a.ip()))))
        .collect();
    Resolved { target, addresses }
}
