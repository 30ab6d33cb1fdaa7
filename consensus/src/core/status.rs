//! A core as seen from outside, for status and metrics.

use super::{Core, Phase};
use crate::config::{Config, Floor};
use wattle_primitives::{Epoch, Hash, Height, SignedVote, View};

/// Events counted since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) timeouts: u64,
    pub(super) votes_dropped: u64,
}

/// A snapshot of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The epoch.
    pub epoch: Epoch,
    /// Current view; 0 before `Start`.
    pub view: View,
    /// View of the last finalization.
    pub finalized_view: View,
    /// Height of the last finalized block.
    pub finalized_height: Height,
    /// The highest certified block here: its view, height and hash; the finalized one if there is none above.
    pub certified: (View, Height, Hash),
    /// Views that this validator gave up since the start.
    pub timeouts: u64,
    /// Time that the current view's leader has to propose, growth included, in ms.
    pub leader_timeout_ms: u64,
    /// Time that the current view has from the proposal's arrival, growth included, in ms.
    pub advance_timeout_ms: u64,
    /// Votes not kept since the start: too far ahead or behind.
    pub votes_dropped: u64,
    /// The epoch's last block is final: the next epoch's core takes over.
    pub done: bool,
    /// The core stopped for good.
    pub halted: bool,
}

impl Core {
    /// A snapshot, for status and metrics.
    #[must_use]
    pub fn status(&self) -> Status {
        let Floor { height, hash, view, .. } = self.floor;
        let tip = self
            .tip()
            .and_then(|(view, hash)| self.blocks.get(&hash).map(|entry| (view, entry.header.height, hash)));
        Status {
            epoch: self.config.epoch,
            view: self.current.view,
            finalized_view: view,
            finalized_height: height,
            certified: tip.unwrap_or((view, height, hash)),
            timeouts: self.counters.timeouts,
            leader_timeout_ms: self.grown(self.config.timing.leader_timeout_ms),
            advance_timeout_ms: self.grown(self.config.timing.advance_timeout_ms),
            votes_dropped: self.counters.votes_dropped,
            done: self.phase == Phase::Done,
            halted: self.phase == Phase::Halted,
        }
    }

    /// Whether exactly this vote, signature included, was counted: it needs no second verification.
    #[must_use]
    pub fn holds(&self, signed: &SignedVote) -> bool {
        let round = signed.vote.round();
        let held =
            self.views.get(&round.view).map(|state| &state.ballots).or_else(|| self.past.get(&round.view));
        round.epoch == self.config.epoch && held.is_some_and(|ballots| ballots.holds(signed))
    }

    /// Whether a block above the last finalization may still be built on, or voted for.
    #[must_use]
    pub fn knows_block(&self, hash: &Hash) -> bool {
        self.blocks.get(hash).is_some()
    }

    /// The configuration, with the floor it started from.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The last finalized block.
    #[must_use]
    pub const fn floor(&self) -> &Floor {
        &self.floor
    }
}
