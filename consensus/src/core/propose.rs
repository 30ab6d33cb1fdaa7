//! Rule 2: what a leader builds on, and when.

use super::Core;
use crate::block::{Chain, Exec};
use crate::config::{FETCH_VIEWS, MonoMs, UNFINALIZED_MAX};
use crate::fetch::Want;
use crate::header::ParentInfo;
use crate::view::ViewState;
use crate::{BuildRequest, Output, Record, Work};
use wattle_primitives::{Hash, Header, Height, Proposal, Round, TimeMs, ValidatorIndex, View, Vote, planted};

/// A leader whose only work is an unfinalized block gives its finalization this part of the leader timeout to arrive.
const FINALIZATION_GRACE_SHIFT: u32 = 2;

impl Core {
    /// Rule 2. Builds on the highest certified block, if this validator leads the current view and it is time.
    pub(super) fn propose(&mut self) {
        let view = self.current.view;
        let ready = self.is_me(self.leader(view)) && self.may_notarize(view) && !self.current.building;
        if !ready
            || self.backpressure
            || self.current.give_up
            || self.views.get(&view).is_some_and(|s| s.notarization.is_some())
        {
            return;
        }
        let Some((parent_view, parent)) = self.choose_parent(view) else { return };
        match self.blocks.ensure_executed(parent, &self.floor, &self.rules, &mut self.out) {
            Chain::Ready => {}
            Chain::Missing(hash, _) => return self.want_block(hash, Vec::new),
            Chain::Running | Chain::Invalid(..) | Chain::OffFloor => return,
        }
        let Some(info) = self.blocks.parent_info(&parent, &self.floor) else { return };
        if let Some(due) = self.propose_at(&info) {
            return self.wake_at(due);
        }
        if info.height >= self.config.terminal {
            if planted!("terminal-not-reproposed") {
                return;
            }
            let round = self.round(view);
            let again = Proposal { round, parent_view, block: parent };
            return self.cast(Vote::Notarize(again), true);
        }
        self.request_build(parent_view, &info);
    }

    fn request_build(&mut self, parent_view: View, parent: &ParentInfo) {
        self.current.building = true;
        let round = self.round(self.current.view);
        let held = planted!("leader-holds-time-back", self.reading > parent.time_ms.next());
        let time_ms = if held { parent.time_ms.next() } else { self.reading.max(parent.time_ms.next()) };
        let unfinalized = parent.height.next().saturating_sub(self.floor.height);
        self.out.push(Output::Build(BuildRequest {
            round,
            parent_view,
            template: self.rules.template(round.view, parent, time_ms),
            empty: unfinalized > Height(UNFINALIZED_MAX),
        }));
    }

    /// The highest view below `view` that can be built on; `None` while evidence or a verdict is missing.
    fn choose_parent(&mut self, view: View) -> Option<(View, Hash)> {
        let gap = self.nullified.gap_from(view.prev()?);
        let passed = self.views.range(gap..view).rev();
        let certified = |(at, state): (&View, &ViewState)| state.certified_block().map(|block| (*at, block));
        if let Some(parent) = passed.filter(|(at, _)| **at > self.floor.view).find_map(certified) {
            return Some(parent);
        }
        if gap > self.floor.view {
            let notarized = self.views.get(&gap).is_some_and(|s| s.notarization.is_some());
            if !notarized && self.finalized_view() < gap {
                self.want_certificates(gap, Vec::new);
            }
            return None;
        }
        // A finalization whose blocks are still missing is a better parent than the floor.
        (self.pending.is_none()).then_some((self.floor.view, self.floor.hash))
    }

    /// When the proposal is due; `None`: now.
    fn propose_at(&self, parent: &ParentInfo) -> Option<MonoMs> {
        let timing = &self.config.timing;
        let Self { now, reading, .. } = *self;
        let entered = self.current.entered_at;
        let until = |time: TimeMs| now.after(time.saturating_sub(reading).0);
        // The interval counts by the parent's time, but a wrong clock must not stretch it.
        let after = |ms| until(parent.time_ms.saturating_add(TimeMs(ms))).min(entered.after(ms));
        let spaced = after(timing.block_interval_ms);
        let accepted = until(parent.time_ms.next().saturating_sub(TimeMs(timing.clock_skew_ms_max)));
        let grace = timing.leader_timeout_ms >> FINALIZATION_GRACE_SHIFT;
        let idle = entered.after(timing.idle_interval_ms);
        let due = match self.work {
            Work::Transaction => now,
            Work::Due if planted!("due-wakes-at-once") => now,
            Work::Due => after(timing.due_interval_ms()).min(idle),
            Work::None => idle,
        };
        let wanted = if self.unfinalized_work() { entered.after(grace).min(due) } else { due };
        Some(spaced.max(accepted).max(wanted)).filter(|due| *due > now)
    }

    /// Input::Built. A block that cannot be built, or would not pass here, gives the view up.
    pub(super) fn on_built(&mut self, round: Round, header: Option<Header>) {
        if round != self.round(self.current.view) || !self.current.building || !self.may_notarize(round.view)
        {
            return;
        }
        let Some(header) = header else {
            self.current.give_up = true;
            return;
        };
        let parent = self.blocks.parent_info(&header.parent, &self.floor);
        let parent_view = self.view_of(&header.parent);
        let sound = parent.is_some_and(|p| self.rules.check(&header, &p).is_ok());
        let (Some(parent_view), true) = (parent_view, sound && header.view == round.view) else {
            self.current.give_up = true;
            return;
        };
        let block = header.hash();
        self.blocks.insert(block, header.clone(), Exec::Valid, true);
        self.current.proposal_at = Some(self.now);
        self.out.push(Output::Persist(Record::Block(header)));
        self.cast(Vote::Notarize(Proposal { round, parent_view, block }), true);
    }

    /// The highest view in which a block is certified.
    fn view_of(&self, block: &Hash) -> Option<View> {
        let certified = self.views.iter().rev().find(|(_, s)| s.certified_block() == Some(*block));
        certified.map(|(view, _)| *view).or((*block == self.floor.hash).then_some(self.floor.view))
    }

    /// Rule 2: missing evidence is fetched: the certificates of `view` and its neighbours. Ranges begin at fixed views,
    /// so that each certificate of an answer does not ask for the next range.
    pub(super) fn want_certificates(&mut self, view: View, ask: impl FnOnce() -> Vec<ValidatorIndex>) {
        let place = if planted!("fetch-ranges-shift") { 30 } else { view.0.saturating_sub(1) % FETCH_VIEWS };
        let first = view.saturating_sub(View(place));
        let last = first.saturating_add(View(FETCH_VIEWS - 1));
        let from = first.max(self.floor.view.next()).min(view);
        let to = last.min(self.current.view.saturating_sub(View(1))).max(view);
        self.fetcher.want(Want::Certificates(from, to), self.now, ask);
    }

    /// A missing block is fetched.
    pub(super) fn want_block(&mut self, hash: Hash, ask: impl FnOnce() -> Vec<ValidatorIndex>) {
        self.fetcher.want(Want::Block(hash), self.now, ask);
    }
}
