//! The leaky bucket that meters transactions: exact, in integers.
//!
//! A bucket has a level, and the time at which it had it. It leaks `rate` units a second and holds `capacity`:
//! ```text
//! left = max(0, level - (now - at) * rate)     drawn = left + units * 1000     admit iff drawn <= capacity * 1000
//! ```
//! The level is kept in thousandths of a unit, so that each millisecond leaks a whole number of them: nothing is
//! divided on the way in, so nothing is lost to rounding however often it is asked, and a time that stands still does
//! not leak. A rate that changes counts from the last draw on: it neither fills a bucket nor locks its owner out.

use crate::{TimeMs, Weight};
use borsh::{BorshDeserialize, BorshSerialize};

/// Thousandths in a unit, and ms in a second: a rate per second leaks as many thousandths per ms.
const MILLI: u64 = 1000;

/// Content of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bucket {
    /// Thousandths of a unit that had not leaked at `at_ms`.
    pub level: u64,
    /// When it was last drawn on.
    pub at_ms: TimeMs,
}

/// The size of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketSize {
    /// Units that leak in a second.
    pub rate: Weight,
    /// Units that fit.
    pub capacity: Weight,
}

impl Bucket {
    /// Content that has not leaked at `now`, in thousandths of a unit.
    const fn at(&self, size: BucketSize, now: TimeMs) -> u64 {
        let elapsed = now.0.saturating_sub(self.at_ms.0);
        self.level.saturating_sub(elapsed.saturating_mul(size.rate.0))
    }

    /// Units that fit at `now`.
    #[must_use]
    pub const fn room(&self, size: BucketSize, now: TimeMs) -> Weight {
        Weight(size.capacity.0.saturating_sub(self.at(size, now).div_ceil(MILLI)))
    }

    /// The time in ms after which `units` fit, rounded up: zero when they do at `now`, [`TimeMs::MAX`] when they never
    /// will.
    #[must_use]
    pub fn wait(&self, size: BucketSize, now: TimeMs, units: Weight) -> TimeMs {
        let (holds, needed) = (size.capacity.0.saturating_mul(MILLI), units.0.saturating_mul(MILLI));
        if needed > holds {
            return TimeMs::MAX;
        }
        let over = self.at(size, now).saturating_add(needed).saturating_sub(holds);
        let whole = over.checked_div(size.rate.0);
        let wait = whole.map(|ms| ms.saturating_add(u64::from(over.checked_rem(size.rate.0) != Some(0))));
        if over == 0 { TimeMs::ZERO } else { wait.map_or(TimeMs::MAX, TimeMs) }
    }

    /// Draws `units` at `now`.
    ///
    /// # Errors
    /// [`Bucket::wait`]. Nothing was drawn.
    pub fn draw(&mut self, size: BucketSize, now: TimeMs, units: Weight) -> Result<(), TimeMs> {
        match self.wait(size, now, units) {
            TimeMs::ZERO => {
                self.owe(size, now, units);
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// Draws `units` at `now` whether they fit or not: where they do not, nothing fits until what is over has leaked.
    pub fn owe(&mut self, size: BucketSize, now: TimeMs, units: Weight) {
        let level = self.at(size, now).saturating_add(units.0.saturating_mul(MILLI));
        *self = Self { level, at_ms: now.max(self.at_ms) };
    }
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
