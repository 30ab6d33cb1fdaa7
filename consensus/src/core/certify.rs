//! Rule 4: from a notarization to the next view and a finalize vote.

use super::Core;
use crate::block::Chain;
use crate::{HaltReason, Output, Record};
use wattle_primitives::{Proposal, Round, ValidatorIndex, View, Vote, planted};

impl Core {
    /// Rules 4 and 6. Certifies every notarized block that can be, of the current view or not: the next leader may
    /// build on the block of a view that was nullified too.
    pub(super) fn certify_all(&mut self) {
        let views: Vec<View> = self.uncertified.iter().copied().collect();
        for view in views {
            if self.phase != super::Phase::Running {
                return;
            }
            if let Some(proposal) = self.views.get(&view).and_then(|s| s.notarized()) {
                self.certify(&proposal);
            }
        }
    }

    fn certify(&mut self, proposal: &Proposal) {
        let Proposal { round: Round { view, .. }, block, .. } = *proposal;
        if let Some(error) =
            self.blocks.get(&block).and_then(|e| self.rules.check_view(&e.header, view).err())
        {
            return self.halt(HaltReason::Header { block, source: error });
        }
        match self.blocks.ensure_executed(block, &self.floor, &self.rules, &mut self.out) {
            Chain::Ready => self.certified(proposal),
            Chain::Running => {}
            // Far behind and passed over: the block is asked for when somebody builds on it.
            Chain::Missing(..) if self.nullified.contains(view) && !self.is_near(view) => {}
            Chain::Missing(hash, _) => {
                let ask = self.signers_of(view);
                self.want_block(hash, || ask);
            }
            Chain::Invalid(block, Some(source)) => self.halt(HaltReason::Header { block, source }),
            Chain::Invalid(block, None) => self.halt(HaltReason::Roots { block }),
            // Left behind by a finalization in a later view: nothing will be built on it.
            Chain::OffFloor => {
                self.uncertified.remove(&view);
                self.view_mut(view).dead = true;
            }
        }
    }

    /// Rule 4. Held, executed, durable: enter the next view and vote to finalize.
    fn certified(&mut self, proposal: &Proposal) {
        let Proposal { round, block, .. } = *proposal;
        for ancestor in self.blocks.path(block, &self.floor) {
            self.make_durable(ancestor);
        }
        self.uncertified.remove(&round.view);
        self.view_mut(round.view).certified = true;
        self.out.push(Output::Persist(Record::Certified { round, block }));
        self.enter(round.view.next());
        self.vote_finalize(proposal);
    }

    /// Rule 4. Votes finalize unless this validator nullified the view, voted beyond, or saw its leader equivocate.
    pub(super) fn vote_finalize(&mut self, proposal: &Proposal) {
        let view = proposal.round.view;
        let equivocated = self.views.get(&view).is_some_and(|s| s.equivocated);
        let nullified = self.voted.nullify >= view;
        if !equivocated && view > self.voted.finalize && (!nullified || planted!("finalize-after-nullify")) {
            self.cast(Vote::Finalize(*proposal), false);
        }
    }

    /// Who voted for the block of `view`: they hold its body. The leader first.
    fn signers_of(&self, view: View) -> Vec<ValidatorIndex> {
        let leader = self.leader(view);
        let Some(notarization) = self.views.get(&view).and_then(|s| s.notarization.as_ref()) else {
            return vec![leader];
        };
        let mut signers: Vec<_> = notarization.signers().filter(|s| !self.is_me(*s)).collect();
        signers.sort_by_key(|s| *s != leader);
        signers
    }

    /// Hands a vote to the driver. From here on this validator is bound by it.
    pub(super) fn cast(&mut self, vote: Vote, with_block: bool) {
        if self.config.me.is_none() {
            return;
        }
        let view = vote.round().view;
        match vote {
            Vote::Notarize(_) => self.voted.notarize = view,
            Vote::Nullify(_) => self.voted.nullify = view,
            Vote::Finalize(_) => self.voted.finalize = view,
        }
        // A vote just sent is not lost yet.
        self.current.resend_at = self.current.resend_at.max(self.now.after(self.retry_ms()));
        self.out.push(Output::Cast { vote, with_block });
    }

    /// Rule 3. Never two notarizes in one view, never one in a view given up.
    pub(super) fn may_notarize(&self, view: View) -> bool {
        self.config.me.is_some()
            && view == self.current.view
            && view > self.voted.notarize
            && view > self.voted.nullify
    }

    pub(super) fn view_mut(&mut self, view: View) -> &mut crate::view::ViewState {
        self.views.entry(view).or_default()
    }
}
