//! Proof that validators broke the rules: kept across restarts, told to everybody, taken from anybody.
//!
//! Consensus finds it in what it counts, others gossip what they found. A validator's first offence of a kind in an
//! epoch is kept, in the database, and handed on. One piece is gossiped again from time to time, each in its turn, for
//! those who were not there.
//!
//! # Bounds
//! [`BY_VALIDATOR_MAX`] pieces against one validator, then its oldest goes; [`PIECES_MAX`] in all, then the oldest of
//! all. Gossip is verified before it is kept, and is not looked at when its kind is known: whoever signs ever new votes
//! against itself costs nobody more than that. Against one of whom as many are kept as there may be, gossip of the last
//! two epochs counts alone.
//!
//! # Not here
//! Consequences: there are none yet. Evidence is shown to clients (`evidence_list`).

use super::{Driver, Effect};
use std::collections::BTreeMap;
use std::ops::Bound;
use wattle_consensus::MonoMs;
use wattle_p2p::wire::Gossip;
use wattle_p2p::{MessageId, PeerId, Verdict};
use wattle_primitives::evidence::{AccusationId, EvidenceKind};
use wattle_primitives::{Accusation, Epoch, Evidence, PublicKey, planted};

/// Most pieces that are kept against one validator.
const BY_VALIDATOR_MAX: usize = 16;
/// Most pieces that are kept.
const PIECES_MAX: usize = 4_096;
/// How often a piece is gossiped again, in ms. Longer than peers remember that they have passed it on.
const AGAIN_MS: u64 = 150_000;

/// The accusations of validators that are known.
#[derive(Debug, Default)]
pub(super) struct Accusations {
    held: BTreeMap<AccusationId, Evidence>,
    /// The piece that was gossiped again last.
    told: Option<AccusationId>,
    tell_at: MonoMs,
}

impl Accusations {
    /// Starts from the accusations that were kept before a restart.
    pub(super) fn new(kept: Vec<Accusation>) -> Self {
        let held = kept.into_iter().map(|accusation| (accusation.id(), accusation.evidence)).collect();
        Self { held, ..Self::default() }
    }

    fn against(&self, validator: PublicKey) -> impl Iterator<Item = &AccusationId> {
        let first = AccusationId { validator, epoch: Epoch::ZERO, kind: EvidenceKind::Notarizes };
        self.held.range(first..).map(|(id, _)| id).take_while(move |id| id.validator == validator)
    }

    /// Keeps what is new. Returns what is let go of for it.
    fn keep(&mut self, found: &Accusation) -> Option<AccusationId> {
        let id = found.id();
        self.held.insert(id, found.evidence);
        let oldest = if self.against(id.validator).count() > BY_VALIDATOR_MAX {
            self.against(id.validator).next().copied()
        } else if self.held.len() > PIECES_MAX {
            self.held.keys().min_by_key(|id| id.epoch).copied()
        } else {
            None
        };
        if let Some(id) = &oldest {
            self.held.remove(id);
        }
        oldest
    }

    /// The piece whose turn it is.
    fn next(&self) -> Option<(AccusationId, Evidence)> {
        let after = self.told.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.held.range((after, Bound::Unbounded)).next().or_else(|| self.held.first_key_value());
        next.map(|(id, evidence)| (*id, *evidence))
    }
}

impl Driver {
    /// Consensus has found evidence, in votes that are verified.
    pub(super) fn found_evidence(&mut self, evidence: Evidence) {
        let set = self.schedule.validators(evidence.first.vote.round().epoch);
        let Some(culprit) = set.get(evidence.culprit()) else { return };
        let accusation = Accusation { validator: culprit.key, evidence };
        if self.accusations.held.contains_key(&accusation.id()) {
            return;
        }
        self.accuse(accusation);
        if !planted!("evidence-not-gossiped") {
            self.emit(Effect::Gossip(Gossip::Evidence(Box::new(evidence))));
        }
    }

    /// A peer hands evidence on.
    pub(super) fn on_gossiped_evidence(&mut self, peer: PeerId, id: MessageId, evidence: Evidence) {
        let verdict = match self.judge(&evidence) {
            Judged::New(accusation) => {
                self.accuse(*accusation);
                Verdict::Accept
            }
            Judged::Idle => Verdict::Ignore,
            Judged::False => Verdict::Reject,
        };
        self.emit(Effect::Verdict { peer, id, verdict });
    }

    fn judge(&self, evidence: &Evidence) -> Judged {
        let epoch = evidence.first.vote.round().epoch;
        if epoch > self.current.epoch {
            return Judged::Idle; // its set may be another one in the end
        }
        let set = self.schedule.validators(epoch);
        let Some(culprit) = set.get(evidence.culprit()) else { return Judged::False };
        let accusation = Accusation { validator: culprit.key, evidence: *evidence };
        let (known, held) = (&self.accusations.held, self.accusations.against(culprit.key).count());
        let old = epoch.next() < self.current.epoch && held >= BY_VALIDATOR_MAX;
        if known.contains_key(&accusation.id()) || old {
            return Judged::Idle;
        }
        if evidence.verify(&self.setup.chain, set).is_err() && !planted!("evidence-unverified") {
            return Judged::False;
        }
        Judged::New(Box::new(accusation))
    }

    fn accuse(&mut self, found: Accusation) {
        let forgotten = self.accusations.keep(&found);
        self.emit(Effect::Evidence { found, forgotten });
    }

    /// Gossips a piece again, from time to time.
    pub(super) fn accuse_again(&mut self) {
        if self.mono < self.accusations.tell_at {
            return;
        }
        self.accusations.tell_at = self.mono.after(AGAIN_MS);
        if let Some((id, evidence)) = self.accusations.next() {
            self.accusations.told = Some(id);
            self.emit(Effect::Gossip(Gossip::Evidence(Box::new(evidence))));
        }
    }
}

/// Worth of gossiped evidence.
enum Judged {
    /// It proves what was not known.
    New(Box<Accusation>),
    /// Nothing is to be done about it here.
    Idle,
    /// It proves nothing, whatever the state.
    False,
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
