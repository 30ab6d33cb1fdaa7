//! Bytes of answers that are being made or written: a peer that asks and does not read makes this node hold them until
//! the request's time is over.
//!
//! # Bounds
//! [`Limits::answer_bytes_per_peer_max`] for each peer; [`Limits::answer_bytes_max`] for all but members of the set,
//! of whom each has one peer. Blocks are counted as asked for before they are read, and as they are afterwards.
//! Answers of at most [`SMALL_BYTES`] are not counted, so that whoever fills the rest keeps nobody from status and
//! proofs: the streams of a connection bound them.
//!
//! # Who makes room
//! The network that holds most, with its oldest answer: an attacker has many peer ids and few addresses. Within a
//! network an answer may first be written for [`Limits::answer_patience`]: else peers that share an address and a
//! narrow line would take each other's places for ever, and no answer would end.
//!
//! # Invariants
//! - A request is here from when it is taken until the library says that it is over, which it does for each, or its
//!   connection makes room.
//! - What is counted is the sum over these requests.

use crate::config::Limits;
use crate::gate::Origin;
use crate::wire::RESPONSE_BYTES_MAX;
use libp2p::PeerId;
use libp2p::request_response::InboundRequestId;
use libp2p::swarm::ConnectionId;
use std::collections::BTreeMap;
use tokio::time::Instant;
use wattle_primitives::planted;

/// Longest answer that is not counted.
const SMALL_BYTES: usize = 16 * 1024;

const _: () = assert!(SMALL_BYTES < RESPONSE_BYTES_MAX);

/// Answers that are owed, and to whom. Ids rise with time.
#[derive(Debug)]
pub(super) struct Owed<Id = InboundRequestId> {
    peers: BTreeMap<PeerId, BTreeMap<Id, Debt>>,
    /// Bytes counted for all but members of the set.
    common: usize,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) connection: ConnectionId,
    /// Its network; those without an internet address are one.
    pub(super) origin: Option<Origin>,
    /// Whether it is a member of the set.
    pub(super) member: bool,
}

#[derive(Clone, Copy, Debug)]
struct Debt {
    asker: Asker,
    since: Instant,
    bytes: usize,
}

/// Verdict on a question or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// The answer may be made, or written, when these connections are closed: they make room.
    Granted(Vec<(PeerId, ConnectionId)>),
    /// Too much is being written: the answer is `Busy`.
    Refused,
    /// The request is over.
    Late,
}

impl<Id> Default for Owed<Id> {
    fn default() -> Self {
        Self { peers: BTreeMap::new(), common: 0 }
    }
}

impl<Id: Copy + Ord> Owed<Id> {
    /// A question, whose answer has about so many bytes at most.
    pub(super) fn ask(
        &mut self,
        (peer, id): (PeerId, Id),
        asker: Asker,
        bytes: usize,
        limits: &Limits,
        now: Instant,
    ) -> Admission {
        self.peers.entry(peer).or_default().insert(id, Debt { asker, since: now, bytes: 0 });
        // Members make no more at a time than the node has places to make it; what they are written is counted.
        let bytes = if asker.member || planted!("answers-made-uncounted") { 0 } else { bytes };
        self.admit((peer, id), bytes, limits, now)
    }

    /// An answer of so many bytes, which replace those that were asked for.
    pub(super) fn admit(
        &mut self,
        (peer, id): (PeerId, Id),
        bytes: usize,
        limits: &Limits,
        now: Instant,
    ) -> Admission {
        let Some(asker) = self.peers.get(&peer).and_then(|debts| debts.get(&id)).map(|debt| debt.asker)
        else {
            return Admission::Late;
        };
        self.count(&peer, &id, 0);
        if bytes <= SMALL_BYTES || planted!("unread-answers-uncounted") {
            return Admission::Granted(Vec::new());
        }
        let of_peer = self.peers.get(&peer).into_iter().flat_map(BTreeMap::values);
        let of_peer = of_peer.fold(bytes, |sum, debt| sum.saturating_add(debt.bytes));
        if of_peer > limits.answer_bytes_per_peer_max {
            return Admission::Refused;
        }
        self.count(&peer, &id, bytes);
        let mut closed = Vec::new();
        while !asker.member && self.common > limits.answer_bytes_max {
            let Some((other, connection)) = self.makes_room(&peer, asker.origin, limits, now) else {
                self.count(&peer, &id, 0);
                return Admission::Refused;
            };
            self.close(&other, connection);
            closed.push((other, connection));
        }
        Admission::Granted(closed)
    }

    /// The request is over: its answer was written, or will not be.
    pub(super) fn over(&mut self, peer: &PeerId, id: &Id) {
        self.count(peer, id, 0);
        if let Some(debts) = self.peers.get_mut(peer) {
            debts.remove(id);
            if debts.is_empty() {
                self.peers.remove(peer);
            }
        }
    }

    fn count(&mut self, peer: &PeerId, id: &Id, bytes: usize) {
        let Some(debt) = self.peers.get_mut(peer).and_then(|debts| debts.get_mut(id)) else { return };
        let before = std::mem::replace(&mut debt.bytes, bytes);
        if !debt.asker.member {
            self.common = self.common.saturating_sub(before).saturating_add(bytes);
        }
    }

    /// Whose connection makes room for this peer, which is of `origin`; nobody's when it has to wait.
    fn makes_room(
        &self,
        peer: &PeerId,
        origin: Option<Origin>,
        limits: &Limits,
        now: Instant,
    ) -> Option<(PeerId, ConnectionId)> {
        if planted!("unread-answers-keep-their-place") {
            return None;
        }
        let all = || self.peers.iter().flat_map(|(peer, debts)| debts.iter().map(move |debt| (peer, debt)));
        let common = || all().filter(|(_, (_, debt))| !debt.asker.member && debt.bytes > 0);
        let mut networks: BTreeMap<Option<Origin>, usize> = BTreeMap::new();
        for (_, (_, debt)) in common() {
            let held = networks.entry(debt.asker.origin).or_default();
            *held = held.saturating_add(debt.bytes);
        }
        let own = networks.get(&origin).copied().unwrap_or(0);
        let most = networks.into_iter().max_by_key(|(_, held)| *held);
        let other = most.filter(|(_, held)| *held > own).map(|(other, _)| other);
        let patient = |debt: &Debt| now.saturating_duration_since(debt.since) >= limits.answer_patience;
        common()
            .filter(|(held_by, _)| *held_by != peer)
            .filter(|(_, (_, debt))| match other {
                Some(other) => debt.asker.origin == other || planted!("oldest-of-any-network"),
                None => debt.asker.origin == origin && patient(debt),
            })
            .min_by_key(|(_, (id, _))| **id)
            .map(|(held_by, (_, debt))| (*held_by, debt.asker.connection))
    }

    /// A connection is closed: nothing more is held for it.
    fn close(&mut self, peer: &PeerId, connection: ConnectionId) {
        let of_it = self.peers.get(peer).into_iter().flatten();
        let of_it = of_it.filter(|(_, debt)| debt.asker.connection == connection).map(|(id, _)| *id);
        for id in of_it.collect::<Vec<Id>>() {
            self.over(peer, &id);
        }
    }
}

#[cfg(test)]
#[path = "owed_tests.rs"]
mod tests;
