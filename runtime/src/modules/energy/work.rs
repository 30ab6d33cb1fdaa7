//! The context of work on one interval of a microgrid, and how much of that work fits a block.

use super::records::Microgrid;
use crate::modules::weights;
use wattle_primitives::call::energy::{Prices, Terms};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, TimeMs, Weight};

/// Weight that may be used, and what has been.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Upper bound; the step that passes it is the last.
    pub(crate) max: Weight,
    /// Upper bound of what the microgrid pays for, likewise.
    pub(crate) billed_max: Weight,
    /// Used so far.
    pub(crate) used: Weight,
    /// The part of it that was paid for when it was asked for: ending orders.
    pub(crate) prepaid: Weight,
}

impl Budget {
    /// Notes that so many keys were touched.
    pub(crate) fn keys(&mut self, keys: u64) {
        self.used = self.used.saturating_add(weights::keys(keys));
    }

    /// Notes that so many keys were touched for what was paid for before.
    pub(crate) fn prepaid(&mut self, keys: u64) {
        self.keys(keys);
        self.prepaid = self.prepaid.saturating_add(weights::keys(keys));
    }

    /// Weight that the microgrid pays for.
    pub(crate) const fn billed(&self) -> Weight {
        self.used.saturating_sub(self.prepaid)
    }

    /// Whether nothing more should be begun.
    pub(crate) fn is_spent(&self) -> bool {
        self.used >= self.max || self.billed() >= self.billed_max
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
    /// When they were set.
    pub(crate) terms_ms: TimeMs,
    /// Its prices.
    pub(crate) prices: Prices,
}
