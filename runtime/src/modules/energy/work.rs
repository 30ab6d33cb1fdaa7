//! The context of work on one interval of a microgrid, and how much of that work fits a block.

use super::records::Microgrid;
use crate::modules::weights;
use wattle_primitives::call::energy::{Prices, Terms};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, Weight};

/// Weight that may be used, and what has been.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Upper bound; the step that passes it is the last.
    pub(crate) max: Weight,
    /// Used so far.
    pub(crate) used: Weight,
}

impl Budget {
    /// Notes that so many keys were touched.
    pub(crate) fn keys(&mut self, keys: u64) {
        self.used = self.used.saturating_add(weights::keys(keys));
    }

    /// Whether nothing more should be begun.
    pub(crate) fn is_spent(&self) -> bool {
        self.used >= self.max
    }
}

/// One interval of a microgrid at work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    /// The microgrid.
    pub(crate) id: &'a Hash,
    /// Its record.
    pub(crate) grid: &'a Microgrid,
    /// The interval.
    pub(crate) interval: IntervalId,
    /// Its terms.
    pub(crate) terms: &'a Terms,
    /// Its prices.
    pub(crate) prices: Prices,
}
