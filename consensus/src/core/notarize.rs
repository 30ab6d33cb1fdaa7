//! Rule 3: voting for a leader's proposal.

use super::Core;
use crate::block::{Chain, Exec};
use crate::config::VIEWS_AHEAD_MAX;
use crate::{Output, Record};
use wattle_primitives::{Hash, Header, Proposal, SignedVote, TimeMs, View, Vote, planted};

/// A leader's vote whose block has not come gets this part of the leader timeout before the block is asked for.
const BODY_GRACE_SHIFT: u32 = 2;

/// Whether this validator may vote for a proposal.
enum Fitness {
    /// Nothing: notarize.
    Fit,
    /// Data, an execution or time: wait.
    Pending,
    /// It can never be voted for: nullify.
    Unfit,
}

impl Core {
    /// Input::Proposal. The first proposal of a view's leader is kept, up to a few views ahead.
    pub(super) fn on_proposal(&mut self, vote: SignedVote, header: Header) {
        let Vote::Notarize(proposal) = vote.vote else { return };
        let view = proposal.round.view;
        let near = view > self.floor.view && view <= self.current.view.saturating_add(View(VIEWS_AHEAD_MAX));
        let hash = header.hash();
        let sound = near && proposal.round.epoch == self.config.epoch && header.epoch == self.config.epoch;
        if !sound || hash != proposal.block || vote.signer != self.leader(view) {
            return;
        }
        self.on_vote(&vote);
        let first = self.views.get(&view).and_then(|s| s.proposal).is_some_and(|p| p.block == hash);
        if first || self.fetcher.wants_block(&hash) {
            self.blocks.insert(hash, header, Exec::Unknown, false);
        }
    }

    /// Rule 3. Votes for the current view's proposal once it is known to be good.
    pub(super) fn notarize_current(&mut self) {
        let view = self.current.view;
        let proposal = self.views.get(&view).and_then(|s| s.proposal);
        let Some(proposal) = proposal.filter(|_| self.may_notarize(view) && !self.current.give_up) else {
            return;
        };
        if self.current.building {
            return; // a leader votes for its own block only
        }
        match self.fitness(&proposal) {
            Fitness::Fit if self.backpressure => {}
            Fitness::Fit => {
                self.make_durable(proposal.block);
                self.cast(Vote::Notarize(proposal), self.is_me(self.leader(view)));
            }
            Fitness::Pending => {}
            Fitness::Unfit => self.current.give_up = true,
        }
    }

    fn fitness(&mut self, proposal: &Proposal) -> Fitness {
        let Proposal { round, parent_view, block } = *proposal;
        if parent_view >= round.view || parent_view < self.floor.view {
            return Fitness::Unfit;
        }
        let Some(entry) = self.blocks.get(&block) else {
            if block != self.floor.hash {
                let grace = self.config.timing.leader_timeout_ms >> BODY_GRACE_SHIFT;
                let first = self.current.entered_at.after(grace);
                let ask = vec![self.leader(round.view)];
                self.fetcher.want(crate::fetch::Want::Block(block), first, || ask);
            }
            return Fitness::Pending;
        };
        let (header_parent, time_ms) = (entry.header.parent, entry.header.time_ms);
        if self.rules.check_view(&entry.header, round.view).is_err() {
            return Fitness::Unfit;
        }
        let again = entry.header.view < round.view;
        match self.parent_certified(proposal) {
            None => return Fitness::Pending,
            Some(parent) if parent != (if again { block } else { header_parent }) => return Fitness::Unfit,
            Some(_) => {}
        }
        let accepted = time_ms.saturating_sub(TimeMs(self.config.timing.clock_skew_ms_max));
        if accepted > self.reading && !planted!("future-time-unchecked") {
            self.wake_at(self.now.after(accepted.saturating_sub(self.reading).0));
            return Fitness::Pending;
        }
        match self.blocks.ensure_executed(block, &self.floor, &self.rules, &mut self.out) {
            Chain::Ready => Fitness::Fit,
            Chain::Running => Fitness::Pending,
            Chain::Missing(hash, _) => {
                let ask = vec![self.leader(round.view)];
                self.want_block(hash, || ask);
                Fitness::Pending
            }
            Chain::Invalid(..) | Chain::OffFloor => Fitness::Unfit,
        }
    }

    /// The block certified in the proposal's parent view, if every view between is nullified. What is missing is
    /// asked for: the parent from this proposal's leader.
    fn parent_certified(&mut self, proposal: &Proposal) -> Option<Hash> {
        let leader = self.leader(proposal.round.view);
        let parent_view = proposal.parent_view;
        let gap = self.nullified.gap_from(proposal.round.view.prev()?);
        if gap > parent_view && !planted!("parent-gap-unchecked") {
            self.want_certificates(gap, || vec![leader]);
            return None;
        }
        if parent_view == self.floor.view {
            return Some(self.floor.hash);
        }
        let Some(parent) = self.views.get(&parent_view).and_then(|s| s.notarized()) else {
            self.want_certificates(parent_view, || vec![leader]);
            return None;
        };
        let certified = self.views.get(&parent_view).and_then(|s| s.certified_block());
        if certified.is_none()
            && let Chain::Missing(hash, _) =
                self.blocks.ensure_executed(parent.block, &self.floor, &self.rules, &mut self.out)
        {
            self.want_block(hash, || vec![leader]);
        }
        certified
    }

    /// The body goes to the log, once, in the same group as what depends on it.
    pub(super) fn make_durable(&mut self, hash: Hash) {
        if let Some(entry) = self.blocks.get_mut(&hash).filter(|entry| !entry.durable) {
            entry.durable = true;
            self.out.push(Output::Persist(Record::Block(entry.header.clone())));
        }
    }
}
