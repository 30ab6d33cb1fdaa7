//! Rules 9 and 10: which votes and certificates are kept, what they amount to, and who broke the rules.

use super::{Core, Phase};
use crate::config::{FLOOD_VALIDATORS_MAX, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX, VIEWS_KEPT_MAX};
use crate::tally::{Added, Ballots};
use crate::{HaltReason, Output, Record, To};
use wattle_primitives::{Certificate, Evidence, Hash, SignedVote, View, Vote, VoteKind, planted};

impl Core {
    /// Input::OwnVote. What comes back from others in this validator's name may be another's with its key.
    pub(super) fn on_own_vote(&mut self, signed: &SignedVote) {
        self.keep_own(signed);
        self.on_vote(signed);
    }

    pub(super) fn keep_own(&mut self, signed: &SignedVote) {
        let round = signed.vote.round();
        if round.epoch == self.config.epoch {
            self.own.insert((signed.vote.kind(), round.view), *signed);
        }
    }

    /// Rule 9. Input::Vote.
    pub(super) fn on_vote(&mut self, signed: &SignedVote) {
        let round = signed.vote.round();
        let view = round.view;
        if round.epoch != self.config.epoch || view == View::ZERO {
            return;
        }
        if view <= self.floor.view || self.phase == Phase::Done {
            self.count_past(signed);
            return self.answer_stale(signed.signer);
        }
        if !self.is_near(view) {
            self.counters.votes_dropped = self.counters.votes_dropped.saturating_add(1);
            if view < self.current.view {
                self.answer_stale(signed.signer);
            }
            return;
        }
        let Some(added) = self.count(signed) else { return };
        // A late vote is normal; one sent again, or from further back, means that its signer lags.
        let lags = added == Added::Duplicate || view.next() < self.current.view;
        if view < self.current.view && signed.vote.kind() != VoteKind::Finalize && lags {
            self.answer_stale(signed.signer);
        }
        if let Added::New { power, .. } = added
            && power >= self.config.validators.quorum().0
        {
            self.assemble(signed.vote);
        }
    }

    /// Whether single votes of `view` are kept.
    pub(super) fn is_near(&self, view: View) -> bool {
        view <= self.current.view.saturating_add(View(VIEWS_AHEAD_MAX))
            && view.saturating_add(View(VIEWS_BEHIND_MAX)) >= self.current.view
    }

    /// Counts a vote above the floor, notes the leader's proposal and any offence. `None`: no such validator.
    pub(super) fn count(&mut self, signed: &SignedVote) -> Option<Added> {
        let view = signed.vote.round().view;
        let power = self.config.validators.get(signed.signer)?.power.0;
        let from_leader = signed.signer == self.leader(view);
        if view.next() >= self.current.view
            && let Some(heard) = self.heard.get_mut(usize::from(signed.signer.0))
        {
            *heard = (self.now, view.max(heard.1));
        }
        let state = self.view_mut(view);
        let added = state.ballots.add(signed, power);
        match signed.vote {
            Vote::Notarize(proposal) if from_leader => {
                state.equivocated |= added.is_conflict();
                state.proposal.get_or_insert(proposal);
            }
            Vote::Notarize(_) | Vote::Nullify(_) | Vote::Finalize(_) => {}
        }
        self.report(added.evidence());
        Some(added)
    }

    /// Votes for settled views no longer decide anything, but may still prove an offence.
    fn count_past(&mut self, signed: &SignedVote) {
        let view = signed.vote.round().view;
        if self.config.validators.get(signed.signer).is_some()
            && let Some(added) = self.past.get_mut(&view).map(|ballots: &mut Ballots| ballots.add(signed, 0))
        {
            self.report(added.evidence());
        }
    }

    /// Rule 10. Hands evidence out, once for each validator, view and kind of offence.
    fn report(&mut self, evidence: Option<Evidence>) {
        let Some(evidence) = evidence else { return };
        let (first, second) = (evidence.first.vote.kind(), evidence.second.vote.kind());
        let kind = (first as u8) << 4 | second as u8;
        if self.reported.insert((evidence.culprit(), evidence.first.vote.round().view, kind))
            && !planted!("evidence-dropped")
        {
            self.out.push(Output::Evidence(evidence));
        }
    }

    /// Makes a certificate of the votes held, if they are a quorum's.
    pub(super) fn assemble(&mut self, vote: Vote) {
        let Some(state) = self.views.get(&vote.round().view) else { return };
        let votes = state.ballots.votes(vote.kind());
        if let Some(certificate) = Certificate::assemble(vote, votes, &self.config.validators) {
            self.accept(certificate);
        }
    }

    /// Rule 9. Input::Certificate: of any view above the last finalization, however far ahead.
    pub(super) fn on_certificate(&mut self, certificate: Certificate) {
        let round = certificate.round();
        let foreign = round.epoch != self.config.epoch && !planted!("epoch-unbound");
        if foreign || self.phase != Phase::Running || round.view <= self.floor.view {
            return;
        }
        if self.is_near(round.view) {
            for signed in certificate.votes() {
                self.count(&signed);
            }
        }
        self.accept(certificate);
    }

    /// Rules 4, 6, 7. Keeps a certificate seen first: durable, passed on, and its view entered or left.
    fn accept(&mut self, certificate: Certificate) {
        let view = certificate.round().view;
        match self.place(&certificate) {
            Placed::Held => return,
            Placed::Conflict(block) => return self.halt(HaltReason::Conflict { view, block }),
            Placed::New => {}
        }
        self.out.push(Output::Persist(Record::Certificate(certificate.clone())));
        let kind = certificate.vote.kind();
        if kind == VoteKind::Finalize || view.next() >= self.current.view {
            self.pass_on(certificate);
        }
        match kind {
            VoteKind::Notarize => self.enter(view),
            VoteKind::Nullify | VoteKind::Finalize => self.enter(view.next()),
        }
    }

    /// Stores a certificate of a view above the floor, unless one of its kind is held.
    pub(super) fn place(&mut self, certificate: &Certificate) -> Placed {
        let view = certificate.round().view;
        let block = certificate.vote.proposal().map_or(Hash::ZERO, |p| p.block);
        let pending = self.pending.as_ref().filter(|p| p.round().view == view).map(|p| p.vote);
        let finalized_other = |vote: &Vote| {
            pending.is_some_and(|p| p.proposal().map(|p| p.block) != vote.proposal().map(|p| p.block))
        };
        if finalized_other(&certificate.vote) {
            return Placed::Conflict(block);
        }
        if certificate.vote.kind() == VoteKind::Finalize {
            return self.place_finalization(certificate, block);
        }
        if certificate.vote.kind() == VoteKind::Nullify {
            if !self.nullified.insert(certificate) {
                return Placed::Held;
            }
        } else {
            let slot = &mut self.view_mut(view).notarization;
            match slot {
                Some(held) if held.vote == certificate.vote => return Placed::Held,
                Some(_) => return Placed::Conflict(block),
                None => *slot = Some(certificate.clone()),
            }
            self.uncertified.insert(view);
        }
        self.bound_views();
        Placed::New
    }

    fn bound_views(&mut self) {
        self.nullified.bound(if planted!("stall-forgets-evidence") { 8_192 } else { VIEWS_KEPT_MAX });
        while self.views.len() > VIEWS_KEPT_MAX {
            let Some((lowest, _)) = self.views.pop_first() else { return };
            self.uncertified.remove(&lowest);
            self.blocks.retain(|_, entry| entry.durable || entry.header.view > lowest);
        }
    }

    fn place_finalization(&mut self, certificate: &Certificate, block: Hash) -> Placed {
        let view = certificate.round().view;
        let state = self.views.get(&view);
        let nullified = self.nullified.contains(view);
        let notarized_other = state.and_then(|s| s.notarized()).is_some_and(|p| p.block != block);
        if nullified || notarized_other {
            return Placed::Conflict(block);
        }
        if view <= self.finalized_view() {
            return Placed::Held;
        }
        self.pending = Some(certificate.clone());
        Placed::New
    }

    /// Few validators: everybody broadcasts each certificate on first sight. Many: it goes to the next leader, and
    /// resends and requests do the rest.
    fn pass_on(&mut self, certificate: Certificate) {
        let size = self.config.validators.len();
        if self.config.me.is_none() || size < 2 {
            return;
        }
        if size <= FLOOD_VALIDATORS_MAX {
            return self.out.push(Output::Send { to: To::All, certificate });
        }
        let next = self.leader(certificate.round().view.next());
        if !self.is_me(next) {
            self.out.push(Output::Send { to: To::One(next), certificate });
        }
    }
}

/// The outcome of placing a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It is new, and kept.
    New,
    /// Held already, or settled.
    Held,
    /// It contradicts another certificate.
    Conflict(Hash),
}
