//! Rule 5: giving the current view up.

use super::Core;
use wattle_primitives::{Vote, VoteKind, planted};

impl Core {
    /// Rule 5. Nullifies the current view when a timer ran out, its proposal is bad, its block cannot be built, its
    /// leader gave it up or has long had no room, so many have that it cannot be finalized any more, or this validator
    /// had before its log was lost; never after a finalize in it.
    pub(super) fn nullify_current(&mut self) {
        let view = self.current.view;
        let may = self.config.me.is_some() && view > self.voted.nullify && view > self.voted.finalize;
        let timeout_at = self.timeout_at();
        if !may {
            return;
        }
        let (leader, vote) = (self.leader(view), Vote::Nullify(self.round(view)));
        let ballots = self.views.get(&view).map(|s| &s.ballots);
        let leader_gave_up = ballots.is_some_and(|b| b.vote_of(VoteKind::Nullify, leader).is_some());
        let early = self.current.give_up || leader_gave_up || self.cannot_lead();
        let due = if self.was_given_up(view) && !planted!("lost-log-paced") {
            self.now // it uses up no view anew
        } else if early {
            timeout_at.min(self.paced_at())
        } else {
            timeout_at
        };
        let given_up = ballots.map_or(0, |b| b.power_of(&vote));
        let set = &self.config.validators;
        let settled =
            set.total().0.saturating_sub(given_up) < set.quorum().0 && !planted!("third-not-joined");
        if due > self.now && !settled {
            return self.wake_at(due);
        }
        self.counters.timeouts = self.counters.timeouts.saturating_add(1);
        self.cast(vote, false);
    }

    /// Whether this validator leads the view and has no room for a block, in a stall so long that the others, which may
    /// have room again, would wait long for it.
    fn cannot_lead(&self) -> bool {
        let view = self.current.view;
        let leads = self.is_me(self.leader(view)) && self.may_notarize(view);
        leads && self.backpressure && self.doublings() > 0 && !planted!("full-leader-waits")
    }

    /// Input::VoteRefused. The vote stays counted as cast, so it is not tried again; a view whose block cannot be
    /// voted for is given up.
    pub(super) fn on_refused(&mut self, vote: &Vote) {
        if vote.kind() == VoteKind::Notarize && vote.round() == self.round(self.current.view) {
            self.current.give_up = true;
        }
    }
}
