//! One peer's addresses, and the pace of dialing.

use super::Source;
use libp2p::Multiaddr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use tokio::time::Instant;
use wattle_primitives::planted;

/// First pause between two tries; doubles up to the longest.
const REDIAL_MIN: Duration = Duration::from_millis(100);
/// Time without success after which the log is told.
const OUTAGE_TOLD_AFTER: Duration = Duration::from_secs(60);
/// Most addresses known of one peer.
pub(super) const ADDRESSES_MAX: usize = 8;

/// One address of a peer.
#[derive(Debug)]
pub(super) struct Known {
    /// Without `/p2p`.
    pub(super) address: Multiaddr,
    pub(super) source: Source,
    /// Another peer was met there, not long ago.
    pub(super) wrong: bool,
}

/// When to try again.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) failures: u32,
    pub(super) next: Instant,
    /// Not before this, whatever else happens: it had no place for this node.
    pub(super) held: Instant,
    pub(super) dialing: bool,
}

/// Log lines about the operator's peers and addresses that are not reached: each once in an outage.
#[derive(Debug, Default)]
pub(super) struct Outage {
    since: Option<Instant>,
    told: bool,
    other_told: bool,
}

/// One peer.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) addresses: Vec<Known>,
    pub(super) pace: Pace,
    pub(super) outage: Outage,
    /// When it was last heard of.
    pub(super) heard: Instant,
    /// When a connection with a completed handshake last stood.
    pub(super) met: Option<Instant>,
}

impl Pace {
    pub(super) const fn due(now: Instant) -> Self {
        Self { failures: 0, next: now, held: now, dialing: false }
    }

    /// Puts the next try off. `salt` sets apart those that failed at one moment.
    pub(super) fn failed(&mut self, longest: Duration, salt: impl Hash, now: Instant) {
        self.dialing = false;
        let pause = REDIAL_MIN.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures = self.failures.saturating_add(1);
        // Up to a quarter more, at random: after a power cut the whole village must not dial in step.
        let spread = u64::try_from(pause.as_millis() / 4).unwrap_or(u64::MAX).max(1);
        let mut hasher = DefaultHasher::new();
        (salt, self.failures).hash(&mut hasher);
        self.next = now + pause + Duration::from_millis(hasher.finish() % spread);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.dialing && self.next <= now && self.held <= now
    }
}

impl Outage {
    /// A try failed. True once they have for a minute.
    pub(super) fn is_long(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let long = now.saturating_duration_since(since) >= OUTAGE_TOLD_AFTER;
        long && !std::mem::replace(&mut self.told, true)
    }

    /// A try met another peer. True for the first.
    pub(super) const fn is_first_other(&mut self) -> bool {
        !std::mem::replace(&mut self.other_told, true)
    }
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        let (pace, outage) = (Pace::due(now), Outage::default());
        Self { addresses: Vec::new(), pace, outage, heard: now, met: None }
    }

    pub(super) fn is_listed(&self) -> bool {
        self.addresses.iter().any(|known| known.source >= Source::Site)
    }

    /// Whether it was never met and the local network tells of it: it tells no second time.
    pub(super) fn is_announced(&self) -> bool {
        self.met.is_none() && self.addresses.iter().any(|known| known.source == Source::Mdns)
    }

    pub(super) fn add(&mut self, address: Multiaddr, source: Source) {
        if let Some(known) = self.addresses.iter_mut().find(|known| known.address == address) {
            known.source = known.source.max(source);
            return;
        }
        if self.addresses.len() >= ADDRESSES_MAX {
            let weakest = self.addresses.iter().enumerate().min_by_key(|(_, known)| known.source);
            let Some((at, _)) = weakest.filter(|(_, known)| known.source <= source) else { return };
            self.addresses.remove(at);
        }
        self.addresses.push(Known { address, source, wrong: false });
    }

    /// Addresses for the next dial.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Multiaddr> {
        let all = self.addresses.iter().all(|known| known.wrong);
        let most = if planted!("one-address-a-dial") { 1 } else { ADDRESSES_MAX };
        self.addresses.iter().filter(move |known| all || !known.wrong).map(|known| &known.address).take(most)
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
