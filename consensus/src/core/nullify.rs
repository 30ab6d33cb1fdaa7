//! Rule 5: giving the current view up.

use super::Core;
use wattle_primitives::{Vote, VoteKind};

impl Core {
    /// Rule 5. Nullifies the current view when a timer ran out, its proposal is bad, its block cannot be built, or its
    /// leader gave it up; never after a finalize in it.
    pub(super) fn nullify_current(&mut self) {
        let view = self.current.view;
        let may = self.config.me.is_some() && view > self.voted.nullify && view > self.voted.finalize;
        let timeout_at = self.timeout_at();
        if !may {
            return;
        }
        let leader = self.leader(view);
        let leader_gave_up =
            self.views.get(&view).is_some_and(|s| s.ballots.vote_of(VoteKind::Nullify, leader).is_some());
        if timeout_at > self.now && !self.current.give_up && !leader_gave_up {
            return self.wake_at(timeout_at);
        }
        self.counters.timeouts = self.counters.timeouts.saturating_add(1);
        self.cast(Vote::Nullify(self.round(view)), false);
    }

    /// Input::VoteRefused. The vote stays counted as cast, so it is not tried again; a view whose block cannot be
    /// voted for is given up.
    pub(super) fn on_refused(&mut self, vote: &Vote) {
        if vote.kind() == VoteKind::Notarize && vote.round() == self.round(self.current.view) {
            self.current.give_up = true;
        }
    }
}
