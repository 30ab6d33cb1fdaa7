//! Rule 1: entering a view; its timers; what counts as work.

use super::Core;
use crate::config::{HOPE_VIEWS, MonoMs, PACE_SHIFT, PACED_VIEWS, STALL_VIEWS, VIEWS_BEHIND_MAX};
use crate::tally::Ballots;
use crate::{Output, Work};
use wattle_primitives::{Hash, ValidatorIndex, View, VoteKind, planted};

/// Views without a finalization that are normal while votes are under way: timeouts grow from the next one on.
const PIPELINE_VIEWS: u64 = 2;

/// Views in a row without a vote after which a leader may count as silent.
const SILENT_VIEWS: u64 = 2;

/// The current view.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Current {
    pub(super) view: View,
    pub(super) entered_at: MonoMs,
    /// Since when this validator knows of a transaction, or of one in an unfinalized block, in this view.
    pub(super) work_at: Option<MonoMs>,
    /// Since when it knows of nothing but due work.
    pub(super) due_at: Option<MonoMs>,
    /// When the proposal's header was first seen in this view.
    pub(super) proposal_at: Option<MonoMs>,
    /// The leader has long been silent: the view is given up at once.
    pub(super) skip: bool,
    /// The proposal is invalid, this validator's own vote or block cannot be made, or the view was given up before.
    pub(super) give_up: bool,
    /// A block was asked for.
    pub(super) building: bool,
    /// When to send again what may have been lost, and by how much that pause has doubled.
    pub(super) resend_at: MonoMs,
    pub(super) resend_doublings: u8,
}

impl Core {
    /// Rule 1. Enters `view` unless it lies behind.
    pub(super) fn enter(&mut self, view: View) {
        if view <= self.current.view {
            return;
        }
        self.current = Current {
            view,
            entered_at: self.now,
            resend_at: self.now.after(self.retry_ms()),
            skip: self.leader_is_silent(view),
            give_up: self.was_given_up(view),
            ..Current::default()
        };
        self.forget_old_views();
        self.out.push(Output::Entered { view });
    }

    /// Whether the leader has said nothing for so long, while a quorum was active, that waiting is pointless.
    fn leader_is_silent(&self, view: View) -> bool {
        let leader = self.leader(view);
        let heard = |index: ValidatorIndex| self.heard.get(usize::from(index.0)).copied().unwrap_or_default();
        let active = |index| self.now.since(heard(index).0) < self.config.timing.skip_timeout_ms;
        // After an idle interval everybody's last vote is old: only who missed several views is silent.
        let missed = view.saturating_sub(heard(leader).1).0 > SILENT_VIEWS;
        if self.is_me(leader) || active(leader) || !missed {
            return false;
        }
        let set = &self.config.validators;
        let power = set.indices().filter(|i| self.is_me(*i) || active(*i)).filter_map(|i| set.get(i));
        power.fold(0u64, |sum, v| sum.saturating_add(v.power.0)) >= set.quorum().0
    }

    /// Forgets single votes of views far behind, and what came to nothing with them; certificates stay.
    fn forget_old_views(&mut self) {
        let oldest = self.current.view.saturating_sub(View(VIEWS_BEHIND_MAX));
        self.views.retain(|view, state| {
            if *view < oldest {
                state.ballots = Ballots::default();
            }
            *view >= oldest || state.notarization.is_some()
        });
        let last = VoteKind::ALL.map(|kind| {
            self.own.range((kind, View::ZERO)..=(kind, View::MAX)).next_back().map(|(at, _)| *at)
        });
        self.own.retain(|at, _| at.1 >= oldest || last.contains(&Some(*at)));
        let named = self.views.values().flat_map(|s| s.proposal.into_iter().chain(s.notarized()));
        let pending = self.pending.iter().filter_map(|c| c.vote.proposal());
        self.blocks.forget_before(oldest, named.chain(pending).map(|proposal| proposal.block));
    }

    /// Views since the last finalization.
    fn stalled_views(&self) -> u64 {
        self.current.view.saturating_sub(self.finalized_view()).0
    }

    /// A timeout, grown with the views since the last finalization.
    pub(super) fn grown(&self, base_ms: u64) -> u64 {
        let growth = self.stalled_views().saturating_sub(PIPELINE_VIEWS).max(1);
        let limit = self.config.timing.timeout_ms_max.max(base_ms);
        base_ms.saturating_mul(growth).min(limit).saturating_mul(1 << self.doublings())
    }

    /// How many times a long stall has doubled the limit of timeouts.
    pub(super) fn doublings(&self) -> u64 {
        let hopes = self.current.view.saturating_sub(self.hope).0 < HOPE_VIEWS;
        if hopes || planted!("stall-timers-capped") {
            0
        } else {
            (self.stalled_views() / STALL_VIEWS).min(32)
        }
    }

    /// When the current view may be given up before its timer runs out. In a stall that takes a while: what gives
    /// each view up at once must not use up thousands of them.
    pub(super) fn paced_at(&self) -> MonoMs {
        let limit = self.config.timing.timeout_ms_max.saturating_mul(1 << self.doublings());
        let paced = self.stalled_views() > PACED_VIEWS && !planted!("stall-spins");
        self.current.entered_at.after(if paced { limit >> PACE_SHIFT } else { 0 })
    }

    /// Input::Backpressure. Room again may end a long stall: the view's timers start again, within their limit.
    pub(super) fn on_backpressure(&mut self, on: bool) {
        let relieved = self.backpressure && !on && self.doublings() > 0;
        self.backpressure = on;
        if relieved && !planted!("stall-without-hope") {
            self.hope = self.current.view;
            self.current.entered_at = self.now;
            self.current.proposal_at = self.current.proposal_at.map(|_| self.now);
        }
    }

    /// Whether a view was given up before the log was lost.
    pub(super) fn was_given_up(&self, view: View) -> bool {
        self.given_up.is_some_and(|given_up| given_up.contains(self.round(view)))
    }

    /// When the current view is given up, as far as timers say.
    pub(super) fn timeout_at(&mut self) -> MonoMs {
        let timing = self.config.timing;
        self.note_work();
        if self.current.skip && self.current.proposal_at.is_none() {
            return self.paced_at();
        }
        if let Some(seen) = self.current.proposal_at {
            return seen.after(self.grown(timing.advance_timeout_ms));
        }
        let entered = self.current.entered_at;
        let idle = entered.after(timing.idle_interval_ms);
        // The leader may not propose sooner than an interval after the parent.
        let work = self.current.work_at.map(|at| at.max(entered.after(timing.block_interval_ms)));
        let due = self.current.due_at.map(|at| at.max(entered.after(timing.due_interval_ms())));
        let start = work.into_iter().chain(due).fold(idle, MonoMs::min);
        start.after(self.grown(timing.leader_timeout_ms))
    }

    /// Starts or stops the work clocks of the view. They stop too: a block that is finalized right after its view was
    /// left is no reason to hurry the next leader.
    fn note_work(&mut self) {
        let work = self.work == Work::Transaction || self.unfinalized_work();
        self.current.work_at = work.then(|| self.current.work_at.unwrap_or(self.now));
        let due = self.work == Work::Due;
        self.current.due_at = due.then(|| self.current.due_at.unwrap_or(self.now));
        if self.current.proposal_at.is_none() && self.current_proposal_known() {
            self.current.proposal_at = Some(self.now);
        }
    }

    /// Whether a certified block waits for a descendant to finalize it: one with transactions, or the epoch's last.
    pub(super) fn unfinalized_work(&self) -> bool {
        self.tip().is_some_and(|(_, tip)| {
            let last = self.blocks.get(&tip).is_some_and(|b| b.header.height >= self.config.terminal);
            last || self.blocks.has_work_up_to(tip, &self.floor)
        })
    }

    /// The highest certified block above the floor.
    pub(super) fn tip(&self) -> Option<(View, Hash)> {
        self.views.iter().rev().find_map(|(view, state)| state.certified_block().map(|block| (*view, block)))
    }

    fn current_proposal_known(&self) -> bool {
        let proposal = self.views.get(&self.current.view).and_then(|state| state.proposal);
        proposal.is_some_and(|p| self.blocks.get(&p.block).is_some())
    }
}
