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
mod tests {
    use super::*;

    const BAN: Duration = Duration::from_secs(60);

    #[test]
    fn penalties_add_up_fade_and_end() {
        let table = [(Penalty::Fatal, 1), (Penalty::Heavy, 5), (Penalty::Light, 20)];
        for (penalty, times) in table {
            let (mut scores, peer, now) = (Scores::default(), PeerId::random(), Instant::now());
            for n in 1..=times {
                assert_eq!(
                    scores.penalize(peer, (penalty, Offence::Vote), BAN, now),
                    n == times,
                    "{penalty:?} {n}"
                );
            }
            assert!(scores.banned(&peer));
            assert!(!scores.penalize(peer, (penalty, Offence::Vote), BAN, now), "banned once");
            assert!(scores.expire(now + BAN - Duration::from_secs(1)).is_empty());
            assert_eq!(scores.expire(now + BAN), vec![peer]);
            assert!(!scores.banned(&peer));
        }
    }

    #[test]
    fn rare_bad_luck_never_bans() {
        let (mut scores, peer, mut now) = (Scores::default(), PeerId::random(), Instant::now());
        for _ in 0..100 {
            assert!(!scores.penalize(peer, (Penalty::Heavy, Offence::Vote), BAN, now));
            now += FADE * 20;
        }
        assert_eq!(scores.points(&peer, now), 0);
    }

    #[test]
    fn memory_of_peers_is_bounded_and_keeps_bans() {
        let (mut scores, now) = (Scores::default(), Instant::now());
        let banned = PeerId::random();
        scores.penalize(banned, (Penalty::Fatal, Offence::Frame), BAN, now);
        for _ in 0..SCORES_MAX + 10 {
            scores.penalize(PeerId::random(), (Penalty::Light, Offence::Gossip), BAN, now);
        }
        assert_eq!(scores.peers.len(), SCORES_MAX);
        assert!(scores.banned(&banned));
    }

    #[test]
    fn a_ban_that_is_forgotten_for_lack_of_room_is_told() {
        let (mut scores, now) = (Scores::default(), Instant::now());
        let banned: Vec<PeerId> = (0..SCORES_MAX + 10).map(|_| PeerId::random()).collect();
        for peer in &banned {
            assert!(scores.penalize(*peer, (Penalty::Fatal, Offence::Gossip), BAN, now));
        }
        let forgotten = scores.expire(now);
        assert_eq!(forgotten.len(), 10);
        assert!(forgotten.iter().all(|peer| banned.contains(peer) && !scores.banned(peer)));
        assert!(scores.expire(now).is_empty(), "told once");
    }

    #[test]
    fn a_ban_says_what_for_and_what_else() {
        let (mut scores, peer, now) = (Scores::default(), PeerId::random(), Instant::now());
        scores.penalize(peer, (Penalty::Heavy, Offence::Vote), BAN, now);
        scores.penalize(peer, (Penalty::Heavy, Offence::Vote), BAN, now);
        scores.penalize(peer, (Penalty::Fatal, Offence::Frame), BAN, now);
        assert_eq!(scores.penalties(&peer), BTreeMap::from([(Offence::Vote, 2), (Offence::Frame, 1)]));
        let want = Ban { reason: BanReason::Penalties(Offence::Frame), until: now + BAN };
        assert_eq!(scores.ban(&peer), Some(want));
    }

    #[test]
    fn bucket_allows_burst_then_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::full(3, now);
        let taken = |bucket: &mut Bucket, at| (0..10).filter(|_| bucket.take(2, 3, at)).count();
        assert_eq!(taken(&mut bucket, now), 3);
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(1)), 2);
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(60)), 3);
    }
}
