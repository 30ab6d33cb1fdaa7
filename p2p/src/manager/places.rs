//! Who of those that came may stay.
//!
//! A newcomer waits in a small room until its handshake says who it is. Then it has a place, or is sent away.
//!
//! # Rules
//! - Listed peers are always let in and count nowhere; one peer has few connections, listed or not.
//! - Some places are kept for validators of the set, some for registered meters: strangers never hold these. Where
//!   validators are more than the places kept, they take those of others, the idlest first.
//! - Where all that meters may have is taken, an operator that has more than the newcomer's gives one up.
//! - A key has one place: who proves it takes that of the one before. Its holder can prove it for any number of peer
//!   ids.
//! - Strangers of one network have a share; local and named addresses have none, since a village may be behind one.
//! - An idle stranger yields: one that was of no use for a while gives its place to a newcomer, when no other is free.
//!   One that says it is light is no better than the others, who could say so too; among idle ones it goes last.
//! - In the waiting room the one that waited longest, of the network that has most there, yields to every newcomer:
//!   whoever dials fast throws out itself.

use super::{Claim, Decision, Turned, size};
use crate::config::Limits;
use crate::gate::Origin;
use libp2p::PeerId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use wattle_primitives::{Address, planted};

/// Time to be of use for the first time.
const PROBATION: Duration = Duration::from_secs(30);
/// Time without use after which a stranger that was of use is idle.
const IDLE: Duration = Duration::from_secs(300);

/// One that came.
#[derive(Debug)]
struct Guest {
    origin: Option<Origin>,
    since: Instant,
    /// None while it waits.
    claim: Option<Claim>,
    /// When it was last of use.
    useful: Option<Instant>,
    /// Its place is another's; it is on its way out.
    leaving: bool,
}

/// Places and who has them.
#[derive(Debug)]
pub(super) struct Places {
    /// For all but listed peers.
    places_max: usize,
    /// For all of them but validators.
    common_max: usize,
    strangers_max: usize,
    per_network_max: usize,
    waiting_max: usize,
    guests: BTreeMap<PeerId, Guest>,
}

impl Guest {
    /// When it becomes idle.
    fn idle_at(&self) -> Instant {
        self.useful.map_or_else(|| self.since + PROBATION, |at| at + IDLE)
    }

    fn is_stranger(&self) -> bool {
        matches!(self.claim, Some(Claim::Stranger | Claim::Light))
    }

    /// Of a registered meter.
    fn operator(&self) -> Option<Address> {
        self.claim.and_then(Claim::operator)
    }

    fn waits(&self) -> bool {
        !self.leaving && self.claim.is_none()
    }
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        let places_max = size(limits.connections_incoming_max);
        let kept = |count: u32| if planted!("strangers-take-all-places") { 0 } else { size(count) };
        let common_max = places_max.saturating_sub(kept(limits.connections_validators));
        Self {
            places_max,
            common_max,
            strangers_max: common_max.saturating_sub(kept(limits.connections_meters)),
            per_network_max: limits.strangers_per_network_max,
            waiting_max: size(limits.connections_waiting_max).max(1),
            guests: BTreeMap::new(),
        }
    }

    /// Who leaves the waiting room to a newcomer, if it is full.
    pub(super) fn yields_to_arrival(&mut self, origin: Option<Origin>) -> Option<PeerId> {
        let waiting = || self.guests.iter().filter(|(_, guest)| guest.waits());
        if waiting().count() < self.waiting_max {
            return None;
        }
        let mut crowds: BTreeMap<Option<Origin>, usize> = BTreeMap::from([(origin, 1)]);
        for (_, guest) in waiting() {
            let crowd = crowds.entry(guest.origin).or_insert(0);
            *crowd = crowd.saturating_add(1);
        }
        // The newcomer counts with its own, which may have nobody else here.
        let crowd = |guest: &Guest| crowds.get(&guest.origin).copied().unwrap_or(0);
        let longest = waiting().max_by_key(|(_, guest)| (crowd(guest), Reverse(guest.since)));
        let peer = longest.map(|(peer, _)| *peer)?;
        self.guests.get_mut(&peer)?.leaving = true;
        Some(peer)
    }

    /// A newcomer waits, or has its place at once if it is listed.
    pub(super) fn arrived(&mut self, peer: PeerId, origin: Option<Origin>, listed: bool, now: Instant) {
        let claim = listed.then_some(Claim::Listed);
        self.guests.insert(peer, Guest { origin, since: now, claim, useful: None, leaving: false });
    }

    /// Whether it came, and is not known to be anybody.
    pub(super) fn is_stranger(&self, peer: &PeerId) -> bool {
        self.guests.get(peer).is_some_and(|guest| guest.claim.is_none() || guest.is_stranger())
    }

    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.guests.remove(peer);
    }

    pub(super) fn useful(&mut self, peer: &PeerId, now: Instant) {
        if let Some(guest) = self.guests.get_mut(peer) {
            guest.useful = Some(now);
        }
    }

    /// Gives a newcomer a place by its claim, or changes the claim of one that has a place.
    pub(super) fn claim(&mut self, peer: PeerId, claim: Claim, now: Instant) -> Option<Decision> {
        let guest = self.guests.get(&peer)?; // else this node dialed it
        if guest.leaving {
            return Some(Decision::Refuse { peer, reason: Turned::Full });
        }
        let (origin, placed) = (guest.origin, guest.claim.is_some());
        let yields = match self.holder(claim, &peer) {
            Some(older) => Some(older),
            None if placed => None,
            None => match self.yields_to(origin, claim, now) {
                Ok(yields) => yields,
                Err(reason) => return Some(Decision::Refuse { peer, reason }),
            },
        };
        if let Some(guest) = self.guests.get_mut(&peer) {
            guest.claim = Some(claim);
            if !placed {
                guest.since = now;
            }
        }
        let yields = yields?;
        if let Some(guest) = self.guests.get_mut(&yields) {
            guest.leaving = true;
        }
        Some(Decision::Yield(yields))
    }

    /// Who else has the place of the key that gives this claim.
    fn holder(&self, claim: Claim, newcomer: &PeerId) -> Option<PeerId> {
        let key = claim.key()?;
        let same = |of: Claim| of.rank() == claim.rank() && of.key() == Some(key);
        let has = |guest: &Guest| !guest.leaving && guest.claim.is_some_and(same);
        let other = self.guests.iter().find(|(peer, guest)| *peer != newcomer && has(guest));
        other.map(|(peer, _)| *peer).filter(|_| !planted!("key-takes-many-places"))
    }

    /// Whose place goes to a newcomer, if anybody's.
    fn yields_to(
        &self,
        origin: Option<Origin>,
        claim: Claim,
        now: Instant,
    ) -> Result<Option<PeerId>, Turned> {
        let strangers = self.count(Guest::is_stranger);
        let common = strangers.saturating_add(self.count(|guest| guest.operator().is_some()));
        let taken =
            common.saturating_add(self.count(|guest| matches!(guest.claim, Some(Claim::Validator(_)))));
        let room = taken < self.places_max;
        let idle =
            |guest: &Guest| guest.is_stranger() && guest.idle_at() <= now && !planted!("idle-strangers-stay");
        let yields = match claim {
            Claim::Listed => return Ok(None),
            Claim::Validator(_) if room => return Ok(None),
            Claim::Validator(_) => {
                let other = || self.idlest(|guest| guest.operator().is_some());
                self.idlest(Guest::is_stranger).or_else(other)
            }
            Claim::Meter { .. } if room && common < self.common_max => return Ok(None),
            Claim::Meter { operator, .. } => self.idlest(idle).or_else(|| self.greedy(operator)),
            Claim::Stranger | Claim::Light => {
                let bounded = matches!(origin, Some(Origin::V4(_) | Origin::V6(_)));
                let crowd = self.count(|guest| guest.is_stranger() && guest.origin == origin);
                let crowded = bounded && crowd >= self.per_network_max;
                if !crowded && room && common < self.common_max && strangers < self.strangers_max {
                    return Ok(None);
                }
                let better = |guest: &Guest| guest.claim.is_some_and(|held| held.rank() > claim.rank());
                self.idlest(|guest| {
                    idle(guest)
                        && (!crowded || guest.origin == origin)
                        && !planted!("light-stays-though-idle", better(guest))
                })
            }
        };
        yields.map(Some).ok_or(Turned::Full)
    }

    /// A meter of the operator that has most places, if those are more than this operator has with one more.
    fn greedy(&self, operator: Address) -> Option<PeerId> {
        let meters = |of: Address| self.count(|guest| guest.operator() == Some(of));
        let operators: BTreeSet<Address> = self.guests.values().filter_map(Guest::operator).collect();
        let most = operators.into_iter().max_by_key(|of| meters(*of))?;
        let more = meters(most) > meters(operator).saturating_add(1);
        let yields = self.idlest(|guest| guest.operator() == Some(most))?;
        (more && !planted!("one-operator-takes-all")).then_some(yields)
    }

    fn count(&self, which: impl Fn(&Guest) -> bool) -> usize {
        self.guests.values().filter(|guest| !guest.leaving && which(guest)).count()
    }

    /// Of these the one with the least claim, and of those the one that is idle longest.
    fn idlest(&self, which: impl Fn(&Guest) -> bool) -> Option<PeerId> {
        let among = self.guests.iter().filter(|(_, guest)| !guest.leaving && which(guest));
        among.min_by_key(|(_, guest)| (guest.claim.map(Claim::rank), guest.idle_at())).map(|(peer, _)| *peer)
    }
}
