//! Which validators live, and whether those that do are a quorum: an idle chain makes a block a minute, so that the
//! absence of blocks says nothing for long.
//!
//! Whoever holds a validator's key counts its signs of life, one every [`SIGN_INTERVAL_MS`], and tells its neighbours
//! the newest number it knows of each member ([`Heard`]). A member lives here when it says anything itself, answers
//! included, when it has signed a finalization that is new here, or when its number rises: only the member makes it
//! rise, so that neighbours who go on telling each other of a dead one do not keep it alive. Where links are missing a
//! number is passed on at once.
//!
//! A node without a vote asks its peers for their numbers, and compares what a peer says with what the same peer said
//! before: a number that one of them invents makes nobody else's old.
//!
//! A member is missing after [`SILENCE_MS`] without a sign. When those that are left, this node among them, have less
//! power than a quorum, the chain stands, and [`Effect::Quorum`] says so; it comes again when they are a quorum again.
//! Time in which this node itself stood still is nobody's silence.
//!
//! # Traffic
//! 17 bytes and two for each member, on each link and in each direction, every 2 s; among four, encrypted and
//! acknowledged, some 160 bytes on the wire.
//!
//! # Not here
//! Consensus: nothing that it decides looks at this. Numbers are not signed: a neighbour that invents them hides a halt
//! until the last block is old (`stale_block`).

use super::{Driver, Effect, Quorum};
use crate::work::Token;
use std::collections::BTreeMap;
use std::sync::Arc;
use wattle_consensus::MonoMs;
use wattle_p2p::PeerId;
use wattle_p2p::wire::{Heard as Numbers, Request, Response, ValidatorMessage};
use wattle_primitives::{BoundedVec, Certificate, PublicKey, Round, Vote, planted};

/// How often the holder of a validator's key gives a sign of life, and a node without a vote asks for them, in ms.
const SIGN_INTERVAL_MS: u64 = 2_000;
/// Silence after which a validator is missing, in ms: its link may carry an answer for 6 s before less is asked for,
/// and its next sign comes an interval later. With the pause between two looks and the time until it is shown, what
/// ended is told within 10 s.
const SILENCE_MS: u64 = 8_000;
/// Peers that are asked each time: one without power takes questions until its connection is given up.
const ASKED_PEERS: usize = 2;
/// Most questions under way.
const QUESTIONS_MAX: usize = 32;
/// Time that passes at most between two looks, in ms: for the rest this node stood still.
const PASSED_MS_MAX: u64 = 1_000;

/// Signs of life.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Time for which this node was there to hear.
    now: MonoMs,
    looked_at: MonoMs,
    /// Members of the epochs around this one.
    by_key: BTreeMap<PublicKey, Sign>,
    /// Number of our own last sign.
    own: u16,
    sign_at: MonoMs,
    /// Somebody is to be told at once.
    news: bool,
    /// Questions for numbers, and whom they were put to.
    questions: BTreeMap<Token, PeerId>,
    /// Numbers that peers answered with.
    told: BTreeMap<PeerId, BTreeMap<PublicKey, u16>>,
    /// The newest finalization that was shown.
    finalized: Option<Round>,
    /// As told last.
    lost: bool,
}

/// The newest sign of life of one validator.
#[derive(Clone, Copy, Debug)]
struct Sign {
    at: MonoMs,
    /// The newest number known; 0 when none is.
    number: u16,
    /// When it was told.
    told_at: MonoMs,
}

impl Sign {
    /// Of a validator that has time to be heard.
    const fn new(now: MonoMs) -> Self {
        Self { at: now, number: 0, told_at: now }
    }
}

impl Signs {
    /// Lets time pass.
    fn look(&mut self, mono: MonoMs) {
        let passed = mono.since(self.looked_at);
        let all = planted!("standstill-is-silence", passed > PASSED_MS_MAX);
        self.now = self.now.after(if all { passed } else { passed.min(PASSED_MS_MAX) });
        self.looked_at = mono;
    }

    /// A validator lives. Strangers have keys too, and are not counted.
    fn alive(&mut self, key: &PublicKey) {
        if let Some(sign) = self.by_key.get_mut(key) {
            sign.at = self.now;
        }
    }

    /// Somebody knows of this number; whether it is a new sign of life.
    fn rises(&mut self, key: PublicKey, number: u16) -> bool {
        let sign = self.by_key.entry(key).or_insert(Sign::new(self.now));
        let new = is_newer(number, sign.number) && !planted!("told-life-ignored");
        if new {
            *sign = Sign { at: self.now, number, told_at: self.now };
        }
        new
    }

    /// A peer answers with this number. Newer than what the same peer said before, it is a sign of life. It takes the
    /// place of the number known, unless that is newer and no older than a sign's interval: peers are not equally late.
    fn answered(&mut self, peer: PeerId, key: PublicKey, number: u16) {
        if number == 0 {
            return;
        }
        let sign = self.by_key.entry(key).or_insert(Sign::new(self.now));
        let before = self.told.entry(peer).or_default().insert(key, number);
        let before = before.filter(|_| !planted!("lie-makes-numbers-old")).unwrap_or(sign.number);
        if !is_newer(number, before) {
            return;
        }
        sign.at = self.now;
        if is_newer(number, sign.number) || self.now.since(sign.told_at) > SIGN_INTERVAL_MS {
            (sign.number, sign.told_at) = (number, self.now);
        }
    }

    fn is_missing(&self, key: &PublicKey) -> bool {
        let silent = |sign: &Sign| self.now.since(sign.at) > SILENCE_MS && !planted!("silence-unnoticed");
        self.by_key.get(key).is_none_or(silent)
    }

    /// Whom a question for numbers was put to.
    pub(super) fn asked(&self, token: Token) -> Option<PeerId> {
        self.questions.get(&token).copied()
    }

    /// A peer is gone.
    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.told.remove(peer);
        self.questions.retain(|_, asked| asked != peer);
    }
}

/// Whether a number comes after another; numbers wrap, and 0 stands for none.
const fn is_newer(number: u16, known: u16) -> bool {
    number != 0 && (known == 0 || (number != known && number.wrapping_sub(known) <= u16::MAX / 2))
}

/// The number after this one.
const fn next(number: u16) -> u16 {
    match number.wrapping_add(1) {
        0 => 1,
        next => next,
    }
}

impl Driver {
    /// Something has come from a validator itself.
    pub(super) fn heard_from(&mut self, key: PublicKey) {
        self.heard.look(self.mono);
        self.heard.alive(&key);
    }

    /// A peer has answered.
    pub(super) fn heard_from_peer(&mut self, peer: &PeerId) {
        if let Some(key) = self.peers.validator(peer).filter(|_| !planted!("answers-are-silence")) {
            self.heard_from(key);
        }
    }

    /// A certificate verified: who signed a finalization that is new here lives.
    pub(super) fn heard_finalized(&mut self, certificate: &Certificate) {
        let (round, header) = (certificate.round(), &self.tree.header);
        let known = self.heard.finalized.max(Some(Round { epoch: header.epoch, view: header.view }));
        if !matches!(certificate.vote, Vote::Finalize(_)) || Some(round) <= known {
            return;
        }
        self.heard.finalized = Some(round);
        self.heard.look(self.mono);
        let set = self.schedule.validators(round.epoch);
        for signer in certificate.signers().filter_map(|index| set.get(index)) {
            if !planted!("signers-are-silent") {
                self.heard.alive(&signer.key);
            }
        }
    }

    /// The streams to a validator are open: it is told whom else this node hears.
    pub(super) fn heard_anew(&mut self, key: PublicKey) {
        self.heard_from(key);
        self.heard.news = true;
    }

    /// A neighbour tells which signs of life it knows.
    pub(super) fn on_heard(&mut self, told: &Numbers) {
        for (key, number) in self.numbers_of_others(told) {
            if self.heard.rises(key, number) && self.relay.anybody_deaf_to(&key) {
                self.heard.news = true;
            }
        }
    }

    /// A question for numbers is answered.
    pub(super) fn on_heard_response(&mut self, token: Token, response: Option<Response>) {
        let peer = self.heard.questions.remove(&token);
        if let (Some(peer), Some(Response::Heard(told))) = (peer, response) {
            for (key, number) in self.numbers_of_others(&told) {
                self.heard.answered(peer, key, number);
            }
        }
    }

    /// Whose these numbers are, but for our own; none when they are of a set that this node does not know, or has
    /// forgotten.
    fn numbers_of_others(&mut self, told: &Numbers) -> Vec<(PublicKey, u16)> {
        self.heard.look(self.mono);
        let set = self.schedule.validators(told.epoch);
        let fits = set.len() == told.numbers.len() || planted!("numbers-of-another-set");
        if told.epoch.next() < self.current.epoch || !fits {
            return Vec::new();
        }
        let keys = set.members().iter().map(|member| member.key);
        let (own, others): (Vec<_>, Vec<_>) =
            keys.zip(told.numbers.iter().copied()).partition(|(key, _)| self.setup.key == Some(*key));
        for (_, number) in own {
            if is_newer(number, self.heard.own) {
                self.heard.own = number; // of an earlier life of ours: the next one is newer
            }
        }
        others
    }

    /// The newest number known of each member.
    pub(super) fn numbers(&self) -> Numbers {
        let number = |key: &PublicKey| {
            if self.setup.key == Some(*key) {
                return self.heard.own;
            }
            self.heard.by_key.get(key).map_or(0, |sign| sign.number)
        };
        let numbers = self.current.set.members().iter().map(|member| number(&member.key)).collect();
        Numbers { epoch: self.current.epoch, numbers: BoundedVec::new(numbers).unwrap_or_default() }
    }

    /// Others are members now: newcomers have time to be heard, who was missing still is.
    pub(super) fn listen_to(&mut self, known: &[PublicKey]) {
        self.heard.look(self.mono);
        let new = Sign::new(self.heard.now);
        let before = std::mem::take(&mut self.heard.by_key);
        self.heard.by_key = known.iter().map(|key| (*key, before.get(key).copied().unwrap_or(new))).collect();
        let by_key = &self.heard.by_key;
        self.heard.told.values_mut().for_each(|told| told.retain(|key, _| by_key.contains_key(key)));
    }

    /// Gives signs of life or asks for them, and says when a quorum is lost or found.
    pub(super) fn listen(&mut self) {
        self.heard.look(self.mono);
        let due = self.mono >= self.heard.sign_at;
        if due && self.current.me.is_none() {
            self.ask_whom_peers_hear();
        }
        if due {
            self.heard.sign_at = self.mono.after(SIGN_INTERVAL_MS);
            self.heard.own = next(self.heard.own);
        }
        let told = due || self.heard.news;
        if told && self.relay.has_links() {
            self.heard.news = false;
            self.emit(Effect::Broadcast(Arc::new(ValidatorMessage::Heard(self.numbers()))));
        }
        let quorum = self.quorum();
        if quorum.is_lost() != self.heard.lost {
            self.heard.lost = quorum.is_lost();
            self.emit(Effect::Quorum(quorum));
        }
    }

    fn ask_whom_peers_hear(&mut self) {
        let members: Vec<PublicKey> = self.current.set.members().iter().map(|member| member.key).collect();
        let mut asked = Vec::with_capacity(ASKED_PEERS);
        while asked.len() < ASKED_PEERS {
            let but = if planted!("same-peer-asked-twice") { &[][..] } else { &asked[..] };
            let Some(peer) = self.peers.choose(&members, &self.current.set, but) else { break };
            asked.push(peer);
        }
        for peer in asked {
            let token = self.token();
            if self.heard.questions.len() >= QUESTIONS_MAX {
                self.heard.questions.pop_first();
            }
            self.heard.questions.insert(token, peer);
            self.emit(Effect::Ask { token, peer, request: Request::Heard });
        }
    }

    /// Which members of the epoch are heard, and whether they are a quorum. A node that is known to be behind may have
    /// another set than the one that decides, and misses nobody.
    #[must_use]
    pub fn quorum(&self) -> Quorum {
        let set = &self.current.set;
        let mut quorum = Quorum { total: set.total(), needed: set.quorum(), ..Quorum::default() };
        if self.behind().is_syncing() {
            return quorum;
        }
        for member in set.members() {
            if self.setup.key != Some(member.key) && self.heard.is_missing(&member.key) {
                quorum.missing.push(member.key);
                quorum.missing_power.0 = quorum.missing_power.0.saturating_add(member.power.0);
            }
        }
        quorum
    }
}

#[cfg(test)]
#[path = "heard_tests.rs"]
mod tests;
