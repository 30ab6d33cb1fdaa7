//! Where peers are, and when each is dialed next.
//!
//! # Rules
//! - A peer is dialed from what is known of it, however long ago somebody told: all its addresses in one dial.
//! - A configured address without an id is a *site*. Whoever is met there is dialed as a peer from then on, and counts
//!   as listed; when it is not found any more the site takes anybody again.
//! - An address where another peer is met than the one looked for is told to the one met, if it is known, and left out
//!   of the next dial while others are left.
//! - Found peers are forgotten [`FORGOTTEN_AFTER`] their last connection, or [`UNMET_FORGOTTEN_AFTER`] they were last
//!   heard of when they never had one, or when more than [`FOUND_MAX`] are known, those that were never met first. Whom
//!   the local network tells of stays until it tells that this is over: it tells each once.
//! - An address in a local network is taken from others only where somebody is connected from that network.

use super::address::{is_near, name_of, split};
use super::record::{ADDRESSES_MAX, Outage, Pace, Record};
use super::{Decision, Failure, Source, Target, size};
use crate::config::Limits;
use crate::gate::{ip_of, is_local};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;
use wattle_primitives::planted;

/// Longest pause between two tries of a peer that was found and never met.
const UNMET_PAUSE_MAX: Duration = Duration::from_secs(120);
/// How long a found peer is remembered without a connection.
pub(super) const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How long a found peer that was never met is remembered after it was last heard of.
pub(super) const UNMET_FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Most found peers that are known.
pub(super) const FOUND_MAX: usize = 256;
/// Pause after which a peer that had no place for this node is dialed again.
const FULL_PAUSE: Duration = Duration::from_secs(60);
/// Most peers and sites that are configured.
const LISTED_MAX: usize = 1024;
/// Most addresses in one dial: names stand for several.
const DIALED_MAX: usize = 16;

/// A configured address that names nobody.
#[derive(Debug)]
struct Site {
    address: Multiaddr,
    /// Who was met there: dialed as a peer until that fails.
    there: Option<PeerId>,
    /// Who was met there last, found there again or not.
    last: Option<PeerId>,
    pace: Pace,
    outage: Outage,
    /// Addresses of its name that this try has not come to yet.
    left: Vec<Multiaddr>,
}

/// A connected peer.
#[derive(Debug)]
struct Connected {
    connections: usize,
    dialed: bool,
    ip: Option<IpAddr>,
}

/// Everything that is known of where peers are.
#[derive(Debug)]
pub(super) struct Book {
    local: PeerId,
    redial_max: Duration,
    /// Peers looked for through discovery, beyond the listed ones: as many as there are places for them.
    found_wanted: usize,
    seed: u64,
    peers: BTreeMap<PeerId, Record>,
    sites: Vec<Site>,
    links: BTreeMap<PeerId, Connected>,
    barred: BTreeSet<PeerId>,
}

impl Book {
    pub(super) fn new(local: PeerId, limits: &Limits, seed: u64) -> Self {
        let outbound = limits.connections_max.saturating_sub(limits.connections_incoming_max);
        Self {
            local,
            redial_max: limits.redial_max,
            found_wanted: size(outbound).max(1),
            seed,
            peers: BTreeMap::new(),
            sites: Vec::new(),
            links: BTreeMap::new(),
            barred: BTreeSet::new(),
        }
    }

    pub(super) fn is_listed(&self, peer: &PeerId) -> bool {
        self.peers.get(peer).is_some_and(Record::is_listed)
    }

    #[cfg(test)]
    pub(super) fn knows(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    pub(super) fn connections(&self, peer: &PeerId) -> usize {
        self.links.get(peer).map_or(0, |link| link.connections)
    }

    /// Connections with all but listed peers.
    pub(super) fn connections_in_all(&self) -> usize {
        let unlisted = self.links.iter().filter(|(peer, _)| !self.is_listed(peer));
        unlisted.fold(0, |sum: usize, (_, link)| sum.saturating_add(link.connections))
    }

    pub(super) fn list(&mut self, address: &Multiaddr, now: Instant) {
        let (peer, bare) = split(address);
        let listed = self.peers.values().filter(|record| record.is_listed()).count();
        if peer == Some(self.local) || listed.saturating_add(self.sites.len()) >= LISTED_MAX {
            return; // one list of peers may serve all nodes, this one included
        }
        match peer {
            Some(peer) => {
                let record = self.peers.entry(peer).or_insert_with(|| Record::new(now));
                record.add(bare, Source::Listed);
                record.pace.next = record.pace.next.min(now);
            }
            None if self.sites.iter().any(|site| site.address == bare) => {}
            None => {
                let (pace, outage) = (Pace::due(now), Outage::default());
                let site = Site { address: bare, there: None, last: None, pace, outage, left: Vec::new() };
                self.sites.push(site);
            }
        }
    }

    pub(super) fn unlist(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
        self.sites.retain(|site| site.there.as_ref() != Some(peer) && site.last.as_ref() != Some(peer));
    }

    pub(super) fn found(&mut self, peer: PeerId, addresses: &[Multiaddr], source: Source, now: Instant) {
        let of_peer = |address: &Multiaddr| match split(address) {
            (Some(other), _) if other != peer => None,
            (_, bare) => Some(bare),
        };
        let bare = addresses.iter().filter_map(of_peer);
        let usable: Vec<_> = bare.filter(|a| self.is_usable(a, source)).take(ADDRESSES_MAX).collect();
        // A peer's own word adds to what is known, and makes nobody dial it.
        let known = self.peers.contains_key(&peer);
        if peer == self.local || usable.is_empty() || !known && source == Source::Identify {
            return;
        }
        if !known {
            self.make_room();
        }
        let record = self.peers.entry(peer).or_insert_with(|| Record::new(now));
        record.heard = now;
        usable.into_iter().for_each(|address| record.add(address, source));
    }

    /// The local network falls silent about a peer that is away for a while. Only who was never met is forgotten.
    pub(super) fn expired(&mut self, peer: &PeerId, addresses: &[Multiaddr]) {
        let Some(record) = self.peers.get_mut(peer).filter(|r| r.met.is_none()) else { return };
        let gone: Vec<Multiaddr> = addresses.iter().map(|address| split(address).1).collect();
        if record.pace.dialing {
            // The dial goes on; from then on it is remembered as long as any other.
            let told = record.addresses.iter_mut().filter(|known| known.source == Source::Mdns);
            told.filter(|k| gone.contains(&k.address)).for_each(|known| known.source = Source::Kademlia);
            return;
        }
        record.addresses.retain(|known| known.source != Source::Mdns || !gone.contains(&known.address));
        if record.addresses.is_empty() {
            self.peers.remove(peer);
        }
    }

    pub(super) fn wish(&mut self, peer: PeerId, addresses: &[Multiaddr], now: Instant) -> Vec<Decision> {
        self.found(peer, addresses, Source::Kademlia, now);
        let room = self.is_listed(&peer) || self.room() > 0;
        match self.peers.get(&peer) {
            // The library tells it how that ends.
            Some(record) if record.pace.dialing || self.links.contains_key(&peer) => Vec::new(),
            Some(record) if room && record.pace.is_due(now) && !self.barred.contains(&peer) => {
                self.dial(peer).into_iter().collect()
            }
            Some(_) | None => vec![Decision::Decline(peer)],
        }
    }

    pub(super) fn bar(&mut self, peer: PeerId) {
        self.barred.insert(peer);
    }

    pub(super) fn unbar(&mut self, peer: &PeerId) {
        self.barred.remove(peer);
    }

    /// A connection stands. True for the first with this peer.
    pub(super) fn connected(
        &mut self,
        peer: PeerId,
        target: Option<Target>,
        ip: Option<IpAddr>,
        now: Instant,
    ) -> bool {
        let link =
            self.links.entry(peer).or_insert(Connected { connections: 0, dialed: target.is_some(), ip });
        link.connections = link.connections.saturating_add(1);
        let first = link.connections == 1;
        link.dialed |= target.is_some();
        if let Some(Target::Site(address)) = target {
            self.met_at_site(&address, peer, now);
        }
        if let Some(record) = self.peers.get_mut(&peer) {
            record.pace.dialing = false;
            record.addresses.iter_mut().for_each(|known| known.wrong = false);
        }
        first
    }

    fn met_at_site(&mut self, address: &Multiaddr, peer: PeerId, now: Instant) {
        let Some(site) = self.sites.iter_mut().find(|site| site.address == *address) else { return };
        (site.there, site.last) = (Some(peer), Some(peer));
        site.pace.dialing = false;
        site.outage = Outage::default();
        site.left.clear();
        let record = self.peers.entry(peer).or_insert_with(|| Record::new(now));
        record.add(address.clone(), Source::Site);
    }

    /// A connection closed. True for the last with this peer: it is dialed again, not at once.
    pub(super) fn closed(&mut self, peer: &PeerId, now: Instant) -> bool {
        let Some(link) = self.links.get_mut(peer) else { return false };
        link.connections = link.connections.saturating_sub(1);
        if link.connections > 0 {
            return false;
        }
        self.links.remove(peer);
        if let Some(met) = self.peers.get_mut(peer).and_then(|record| record.met.as_mut()) {
            *met = now;
        }
        if planted!("found-once-dialed-once", !self.is_listed(peer)) {
            self.peers.remove(peer);
        }
        self.put_off(peer, now);
        true
    }

    /// The handshake is complete: the next pause is short again.
    pub(super) fn ready(&mut self, peer: &PeerId, now: Instant) {
        if let Some(record) = self.peers.get_mut(peer) {
            record.pace.failures = 0;
            record.outage = Outage::default();
            record.met = Some(now);
        }
        self.sites.iter_mut().filter(|site| site.there.as_ref() == Some(peer)).for_each(|site| {
            site.pace.failures = 0;
        });
    }

    /// The peer has no place for this node: it is dialed again when it may have one.
    pub(super) fn no_place(&mut self, peer: &PeerId, now: Instant) {
        if let Some(record) = self.peers.get_mut(peer).filter(|_| !planted!("full-peer-dialed-on")) {
            record.pace.held = now + FULL_PAUSE;
        }
    }

    pub(super) fn resolved(
        &mut self,
        target: Target,
        addresses: Vec<Multiaddr>,
        now: Instant,
    ) -> Option<Decision> {
        match target {
            Target::Site(address) => {
                let site = self.sites.iter_mut().find(|site| site.address == address)?;
                site.left = addresses.into_iter().take(DIALED_MAX).rev().collect();
                self.try_site(&address, now)
            }
            Target::Peer(peer) => {
                let record = self.peers.get(&peer)?;
                let literal = record.addresses().filter(|address| name_of(address).is_none()).cloned();
                let addresses: Vec<_> = literal.chain(addresses).take(DIALED_MAX).collect();
                if addresses.is_empty() {
                    return self.failed(Target::Peer(peer), Failure::Nobody, now);
                }
                Some(Decision::Dial { target: Target::Peer(peer), addresses })
            }
        }
    }

    /// A dial came to nothing. Of a site the next address is tried at once.
    pub(super) fn failed(&mut self, target: Target, failure: Failure, now: Instant) -> Option<Decision> {
        let peer = match target {
            Target::Site(address) => return self.try_site(&address, now),
            Target::Peer(peer) => peer,
        };
        let away = !self.links.contains_key(&peer);
        let record = self.peers.get_mut(&peer)?;
        record.pace.dialing = false;
        if away {
            tell_of_outage(&peer, record, &failure, now);
        }
        let mut again = false;
        match failure {
            Failure::Moot => return None,
            Failure::Nobody => record.addresses.iter_mut().for_each(|known| known.wrong = false),
            Failure::Other { peer: other, address } => {
                let address = split(&address).1;
                let known = record.addresses.iter_mut().find(|known| known.address == address);
                again = known.is_some_and(|known| !std::mem::replace(&mut known.wrong, true));
                again &= record.addresses.iter().any(|known| !known.wrong);
                self.met_elsewhere(other, address, now);
            }
        }
        if away {
            self.leave_sites(&peer, now);
        }
        if !again {
            self.put_off(&peer, now); // else it is due at once
        }
        None
    }

    /// A peer was met where another was looked for.
    fn met_elsewhere(&mut self, peer: PeerId, address: Multiaddr, now: Instant) {
        let away = !self.links.contains_key(&peer);
        if let Some(record) = self.peers.get_mut(&peer).filter(|_| !planted!("met-elsewhere-unheard")) {
            record.add(address, Source::Met);
            record.heard = now;
            if away && !record.pace.dialing {
                record.pace.next = now;
            }
        }
    }

    /// The peer is not found at the sites where it was: anybody may be there now.
    fn leave_sites(&mut self, peer: &PeerId, now: Instant) {
        if planted!("site-pinned-for-good") {
            return;
        }
        for site in self.sites.iter_mut().filter(|site| site.there.as_ref() == Some(peer)) {
            site.there = None;
            site.pace.next = now;
            if let Some(record) = self.peers.get_mut(peer) {
                record.addresses.retain(|k| k.source != Source::Site || k.address != site.address);
            }
        }
    }

    fn put_off(&mut self, peer: &PeerId, now: Instant) {
        let Some(record) = self.peers.get_mut(peer) else { return };
        if record.addresses.is_empty() {
            self.peers.remove(peer);
            return;
        }
        let unmet = record.met.is_none() && !record.is_listed();
        let longest = if unmet { UNMET_PAUSE_MAX } else { self.redial_max };
        record.pace.failed(longest, (self.seed, peer), now);
    }

    /// Everybody who is to be dialed now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Decision> {
        self.forget(now);
        let mut decisions = Vec::new();
        let sites = self.sites.iter().filter(|site| site.there.is_none() && site.pace.is_due(now));
        let sites: Vec<Multiaddr> = sites.map(|site| site.address.clone()).collect();
        for address in sites {
            decisions.extend(self.look_at_site(&address));
        }
        let away = self.peers.iter().filter(|(peer, record)| {
            record.pace.is_due(now) && !self.links.contains_key(peer) && !self.barred.contains(peer)
        });
        // Listed ones first, then those known to be real.
        let order = |r: &Record| (!r.is_listed(), r.met.is_none(), r.pace.failures);
        let mut away: Vec<_> = away.map(|(peer, record)| (order(record), *peer)).collect();
        away.sort_unstable();
        for ((found, ..), peer) in away {
            if !found || self.room() > 0 {
                decisions.extend(self.dial(peer));
            }
        }
        decisions
    }

    /// How many found peers may be dialed.
    fn room(&self) -> usize {
        let found = |peer: &PeerId| !self.is_listed(peer);
        let linked = self.links.iter().filter(|(peer, link)| link.dialed && found(peer)).count();
        let dialed = self.peers.values().filter(|r| r.pace.dialing && !r.is_listed()).count();
        self.found_wanted.saturating_sub(linked.saturating_add(dialed))
    }

    fn dial(&mut self, peer: PeerId) -> Option<Decision> {
        let record = self.peers.get_mut(&peer)?;
        record.pace.dialing = true;
        let addresses: Vec<Multiaddr> = record.addresses().cloned().collect();
        let target = Target::Peer(peer);
        let names: Vec<_> = addresses.iter().filter(|a| name_of(a).is_some()).cloned().collect();
        if names.is_empty() {
            return Some(Decision::Dial { target, addresses });
        }
        Some(Decision::Resolve { target, names })
    }

    fn look_at_site(&mut self, address: &Multiaddr) -> Option<Decision> {
        let site = self.sites.iter_mut().find(|site| site.address == *address)?;
        site.pace.dialing = true;
        let target = Target::Site(address.clone());
        let addresses = vec![address.clone()];
        Some(match name_of(address) {
            Some(_) => Decision::Resolve { target, names: addresses },
            None => Decision::Dial { target, addresses },
        })
    }

    /// The next address of a site's try, or a pause.
    fn try_site(&mut self, address: &Multiaddr, now: Instant) -> Option<Decision> {
        let site = self.sites.iter_mut().find(|site| site.address == *address)?;
        if let Some(next) = site.left.pop() {
            return Some(Decision::Dial { target: Target::Site(address.clone()), addresses: vec![next] });
        }
        if site.outage.is_long(now) {
            let code = "peer_unreached";
            tracing::warn!(%address, code, "no other node was reached at a listed address for a minute");
        }
        site.pace.failed(self.redial_max, (self.seed, address), now);
        None
    }

    fn forget(&mut self, now: Instant) {
        let links = &self.links;
        self.peers.retain(|peer, record| {
            let (since, time) = match record.met {
                Some(met) => (met, FORGOTTEN_AFTER),
                None => (record.heard, UNMET_FORGOTTEN_AFTER),
            };
            record.is_listed()
                || record.is_announced() && !planted!("unmet-neighbour-forgotten")
                || record.pace.dialing
                || links.contains_key(peer)
                || now.saturating_duration_since(since) < time
        });
    }

    /// Forgets a found peer when there are too many.
    fn make_room(&mut self) {
        let found = || self.peers.iter().filter(|(_, record)| !record.is_listed());
        if found().count() < FOUND_MAX {
            return;
        }
        let away = found().filter(|(peer, r)| !r.pace.dialing && !self.links.contains_key(peer));
        let least = away.min_by_key(|(_, r)| (r.met.is_some(), r.is_announced(), r.met.unwrap_or(r.heard)));
        if let Some(least) = least.map(|(peer, _)| *peer) {
            self.peers.remove(&least);
        }
    }

    /// Whether an address that was heard of may be dialed.
    fn is_usable(&self, address: &Multiaddr, source: Source) -> bool {
        let Some(ip) = ip_of(address).filter(|ip| !ip.is_unspecified() && !ip.is_multicast()) else {
            return false;
        };
        let told = matches!(source, Source::Kademlia | Source::Identify);
        let near = || self.links.values().filter_map(|link| link.ip).any(|other| is_near(other, ip));
        !told || !is_local(ip) || near() || planted!("strangers-tell-local-addresses")
    }
}

/// Tells the log of a peer that is not where the operator listed it.
fn tell_of_outage(peer: &PeerId, record: &mut Record, failure: &Failure, now: Instant) {
    let listed = record.addresses.iter().find(|known| known.source == Source::Listed);
    let Some(address) = listed.map(|known| known.address.clone()) else { return };
    match failure {
        Failure::Moot => return,
        Failure::Nobody => {}
        Failure::Other { peer: met, address } => {
            if record.outage.is_first_other() {
                let code = "wrong_peer";
                tracing::warn!(%peer, %met, %address, code, "another peer is where a listed one was looked for");
            }
        }
    }
    if record.outage.is_long(now) {
        tracing::warn!(%peer, %address, code = "peer_unreached", "a listed peer was not reached for a minute");
    }
}
