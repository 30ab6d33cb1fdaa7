//! Penalties of peers, and for how long they are refused.
//!
//! Points fade with time, so that rare bad luck never bans. They outlive the connection: a peer does not get rid of
//! them by dialing again.

use crate::event::{Ban, BanReason, Offence, Penalty};
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Points that ban.
const BAN_POINTS: u32 = 100;
/// Time in which one point fades.
const FADE: Duration = Duration::from_secs(3);
/// Most peers remembered; beyond, the mildest is forgotten.
const SCORES_MAX: usize = 1024;

#[derive(Clone, Debug)]
struct Score {
    points: u32,
    since: Instant,
    penalties: BTreeMap<Offence, u32>,
    ban: Option<Ban>,
    /// Where a banned peer was connected.
    address: Option<Multiaddr>,
}

/// Scores and bans by peer.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    peers: BTreeMap<PeerId, Score>,
    /// Peers whose ban was forgotten for lack of room, and which somebody must be told of.
    forgotten: Vec<PeerId>,
}

impl Penalty {
    const fn points(self) -> u32 {
        match self {
            Self::Light => 5,
            Self::Heavy => 20,
            Self::Fatal => BAN_POINTS,
        }
    }
}

impl Scores {
    /// Adds a penalty. True when it bans the peer, which was not banned before.
    pub(crate) fn penalize(
        &mut self,
        peer: PeerId,
        (penalty, offence): (Penalty, Offence),
        ban: Duration,
        now: Instant,
    ) -> bool {
        let entry = self.entry(peer, now);
        entry.points = faded(entry, now).saturating_add(penalty.points()).min(BAN_POINTS);
        entry.since = now;
        let count = entry.penalties.entry(offence).or_insert(0);
        *count = count.saturating_add(1);
        if entry.points < BAN_POINTS || entry.ban.is_some() {
            return false;
        }
        entry.ban = Some(Ban { reason: BanReason::Penalties(offence), until: now + ban });
        true
    }

    /// Refuses a peer for a time without counting points: it did nothing wrong, it is elsewhere.
    pub(crate) fn refuse(&mut self, peer: PeerId, reason: BanReason, time: Duration, now: Instant) {
        self.entry(peer, now).ban = Some(Ban { reason, until: now + time });
    }

    /// Remembers where a banned peer was connected.
    pub(crate) fn left(&mut self, peer: &PeerId, address: Multiaddr) {
        if let Some(score) = self.peers.get_mut(peer) {
            score.address = Some(address);
        }
    }

    /// The ban in force.
    pub(crate) fn ban(&self, peer: &PeerId) -> Option<Ban> {
        self.peers.get(peer).and_then(|s| s.ban)
    }

    /// Where a banned peer was connected.
    pub(crate) fn address(&self, peer: &PeerId) -> Option<Multiaddr> {
        self.peers.get(peer).and_then(|s| s.address.clone())
    }

    /// Penalties not forgotten yet.
    pub(crate) fn penalties(&self, peer: &PeerId) -> BTreeMap<Offence, u32> {
        self.peers.get(peer).map(|s| s.penalties.clone()).unwrap_or_default()
    }

    /// Ends a peer's ban and forgets its points.
    pub(crate) fn pardon(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// Points at present.
    pub(crate) fn points(&self, peer: &PeerId, now: Instant) -> u32 {
        self.peers.get(peer).map_or(0, |score| faded(score, now))
    }

    /// Whether the peer is refused.
    pub(crate) fn banned(&self, peer: &PeerId) -> bool {
        self.ban(peer).is_some()
    }

    /// Ends the bans whose time has come and forgets peers without points. Returns whose bans ended, those forgotten
    /// for lack of room included.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<PeerId> {
        let mut ended = std::mem::take(&mut self.forgotten);
        ended.retain(|peer| !self.banned(peer));
        for (peer, score) in &mut self.peers {
            if score.ban.is_some_and(|ban| ban.until <= now) {
                score.ban = None;
                score.points = 0;
                ended.push(*peer);
            }
        }
        self.peers.retain(|_, score| score.ban.is_some() || faded(score, now) > 0);
        ended
    }

    fn entry(&mut self, peer: PeerId, now: Instant) -> &mut Score {
        if !self.peers.contains_key(&peer) && self.peers.len() >= SCORES_MAX {
            let mildest = self
                .peers
                .iter()
                .filter(|(_, s)| s.ban.is_none())
                .min_by_key(|(_, s)| faded(s, now))
                .or_else(|| self.peers.iter().min_by_key(|(_, s)| s.ban.map(|ban| ban.until)))
                .map(|(peer, _)| *peer);
            if let Some(mildest) = mildest
                && self.peers.remove(&mildest).is_some_and(|s| s.ban.is_some())
            {
                self.forgotten.push(mildest);
            }
        }
        self.peers.entry(peer).or_insert_with(|| Score {
            points: 0,
            since: now,
            penalties: BTreeMap::new(),
            ban: None,
            address: None,
        })
    }
}

fn faded(score: &Score, now: Instant) -> u32 {
    let gone = now.saturating_duration_since(score.since).as_millis() / FADE.as_millis().max(1);
    score.points.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX))
}

/// A token bucket: how often a peer may ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// Thousandths of a request.
    milli: u64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(burst: u32, now: Instant) -> Self {
        Self { milli: u64::from(burst).saturating_mul(1000), at: now }
    }

    /// Takes one request, or refuses it.
    pub(crate) fn take(&mut self, per_second: u32, burst: u32, now: Instant) -> bool {
        let elapsed = u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        self.at = now;
        let gained = elapsed.saturating_mul(u64::from(per_second));
        let full = u64::from(burst).saturating_mul(1000);
        self.milli = self.milli.saturating_add(gained).min(full);
        match self.milli.checked_sub(1000) {
            Some(left) => {
                self.milli = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
#[path = "scores_tests.rs"]
mod tests;
