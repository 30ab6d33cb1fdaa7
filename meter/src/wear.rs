//! Counts the light node's writes to its memory card.
//!
//! Cards wear out by the page, however few bytes of it change: a write counts as all pages that it touches. What the
//! file system writes for itself is not counted.

use std::collections::VecDeque;

/// Bytes of a page.
pub(crate) const PAGE_BYTES: u64 = 4096;
/// Length of the window that the budget is for, in ms.
pub(crate) const HOUR_MS: u64 = 3_600_000;
/// The window is looked at in steps of this length, in ms.
const STEP_MS: u64 = 60_000;
/// The first minutes hold the start's own writes: no hour is extrapolated from less, in ms.
const SPAN_MS_MIN: u64 = 600_000;

/// Bytes of the pages that a write from offset `from` up to `to` touches.
#[must_use]
pub(crate) const fn page_bytes(from: u64, to: u64) -> u64 {
    if to <= from {
        return 0;
    }
    let pages = to.div_ceil(PAGE_BYTES).saturating_sub(from / PAGE_BYTES);
    pages.saturating_mul(PAGE_BYTES)
}

/// Bytes written within the last hour, from a total that only grows.
#[derive(Debug, Default)]
pub(crate) struct Wear {
    /// (uptime in ms, total) at the end of each step, oldest first; at most one hour and a step.
    steps: VecDeque<(u64, u64)>,
    now: (u64, u64),
    over: bool,
}

impl Wear {
    /// Takes in how much was written in all at this uptime. Returns whether the budget has just been exceeded.
    pub(crate) fn note(&mut self, uptime_ms: u64, total: u64, budget: u64) -> bool {
        self.now = (uptime_ms, total);
        if self.steps.back().is_none_or(|(at, _)| uptime_ms.saturating_sub(*at) >= STEP_MS) {
            self.steps.push_back(self.now);
        }
        // The step that ended an hour ago is the base: the one after it must not be there yet.
        let old = |at: &(u64, u64)| uptime_ms.saturating_sub(at.0) >= HOUR_MS;
        while self.steps.get(1).is_some_and(old) {
            self.steps.pop_front();
        }
        let over = self.per_hour() > budget;
        let news = over && !self.over;
        self.over = over;
        news
    }

    /// Bytes written within the last hour; before the first is over, extrapolated from at least ten minutes.
    #[must_use]
    pub(crate) fn per_hour(&self) -> u64 {
        let (since_ms, base) = self.steps.front().copied().unwrap_or_default();
        let bytes = self.now.1.saturating_sub(base);
        let span_ms = self.now.0.saturating_sub(since_ms).max(SPAN_MS_MIN);
        let per_hour = u128::from(bytes).saturating_mul(u128::from(HOUR_MS)) / u128::from(span_ms);
        u64::try_from(per_hour).unwrap_or(u64::MAX)
    }

    /// Bytes written in all.
    #[must_use]
    pub(crate) const fn total(&self) -> u64 {
        self.now.1
    }

    /// Whether more than the budget was written within the last hour.
    #[must_use]
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }
}

#[cfg(test)]
#[path = "wear_tests.rs"]
mod tests;
