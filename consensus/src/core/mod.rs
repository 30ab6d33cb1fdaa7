//! The core: one epoch's state and its single entry, [`Core::step`].

use crate::config::{Config, MonoMs};
use crate::header::Rules;
use crate::{Input, Output, Record};
use wattle_primitives::{Certificate, Epoch, Hash, Height, TimeMs, View, VotingPower};

/// What a core can be seen doing, for status and metrics.
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
    /// Its hash.
    pub finalized_hash: Hash,
    /// The highest certified block here: its view, height and hash; the finalized one if there is none above.
    pub certified: (View, Height, Hash),
    /// Power that voted to notarize in the current view.
    pub notarize_power: VotingPower,
    /// Power that voted to nullify in the current view.
    pub nullify_power: VotingPower,
    /// Views that this validator gave up since the start.
    pub timeouts: u64,
    /// Views that ended without a block since the start.
    pub nullified: u64,
    /// Votes not kept since the start: too far ahead or behind.
    pub votes_dropped: u64,
    /// The epoch's last block is final: the next epoch's core takes over.
    pub done: bool,
    /// The core halted.
    pub halted: bool,
}

/// The consensus of one epoch. See the crate's documentation.
#[derive(Debug)]
pub struct Core {
    config: Config,
    rules: Rules,
}

impl Core {
    /// A core that has seen nothing yet. Then: [`Core::restore`] after a restart, and [`Input::Start`].
    #[must_use]
    pub fn new(config: Config) -> Self {
        let rules = Rules::new(&config);
        Self { config, rules }
    }

    /// Takes up what was logged before a crash, in any order; records of other epochs are ignored.
    pub fn restore(&mut self, _records: impl IntoIterator<Item = Record>) {}

    /// Handles one input. `mono` must not go back; `wall` is `max(OS clock, last finalized time + mono elapsed)`.
    #[must_use]
    pub fn step(&mut self, _mono: MonoMs, _wall: TimeMs, _input: Input) -> Vec<Output> {
        Vec::new()
    }

    /// When [`Input::Tick`] is due; `None`: nothing is waited for but input.
    #[must_use]
    pub fn next_deadline(&self) -> Option<MonoMs> {
        None
    }

    /// The certificates held for views `from..=to`, at most [`crate::config::CERTIFICATES_MAX`]; the last finalization
    /// comes first if it covers any of them.
    #[must_use]
    pub fn certificates(&self, _from: View, _to: View) -> Vec<Certificate> {
        Vec::new()
    }

    /// The configuration, with the floor it started from.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The rules for headers, and the leaders, of the epoch.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }
}
