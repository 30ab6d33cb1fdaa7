//! Parameters and validator sets as the state has them: the one answer to what holds in an epoch.
//!
//! Genesis writes both into the state; whoever asks, the driver, workers, peers or clients, reads them from there.

use crate::{State, keys};
use wattle_primitives::genesis::ScheduledSet;
use wattle_primitives::{Epoch, Height, Params, ValidatorSet};

/// Parameters and validator sets by epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    params: Params,
    first: ValidatorSet,
    /// Sets of later epochs, by rising first epoch.
    later: Vec<ScheduledSet>,
}

impl Schedule {
    /// The schedule in a state; `None` when it has none, as no state after genesis.
    #[must_use]
    pub fn of(state: &State) -> Option<Self> {
        let mut sets = state.read(keys::validators())?.into_iter();
        let first = sets.next()?.validators;
        Some(Self { params: state.read(keys::params())?, first, later: sets.collect() })
    }

    /// The protocol parameters.
    #[must_use]
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// The set that decides in `epoch`.
    #[must_use]
    pub fn validators(&self, epoch: Epoch) -> &ValidatorSet {
        let set = self.later.iter().rev().find(|set| set.from_epoch <= epoch);
        set.map_or(&self.first, |set| &set.validators)
    }

    /// The epoch that decides on the height after this one.
    #[must_use]
    pub fn epoch_after(&self, height: Height) -> Epoch {
        self.params.epoch_of(height.next())
    }
}
