//! The device's own time: how much of it has passed, with a clock and without.
//!
//! | clock when it was last looked at | clock now | time that has passed |
//! |---|---|---|
//! | known | known | by the clock, so that a time without power counts |
//! | known | unknown | with power; when the clock is known again, the rest is counted too |
//! | unknown | known or not | with power |
//! | known | known, and set back | none until it has caught up; with power where it was set back by far |
//!
//! A clock is known when the light node knows the time: by a clock that is vouched for, or by a header verified since
//! the start. Lockout and credit of time go by this time.

use serde::{Deserialize, Serialize};
use wattle_primitives::TimeMs;

/// A clock that jumps back by less is waited for: headers are some seconds old when they are believed. In ms.
const BACK_MS_MAX: u64 = 600_000;

/// How far the device's time has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OwnTime {
    /// ms that have passed in all.
    pub(crate) passed_ms: u64,
    /// The clock when it was last known.
    pub(crate) clock_ms: Option<TimeMs>,
    /// ms of power since then that have been counted.
    pub(crate) powered_ms: u64,
}

impl OwnTime {
    /// Counts time: so many ms with power since the last look, and what the clock shows where it is known. Returns the
    /// ms that have passed.
    pub(crate) fn advance(&mut self, powered_ms: u64, clock: Option<TimeMs>) -> u64 {
        let passed_ms = match (self.clock_ms, clock) {
            (Some(before), Some(now)) if now >= before => {
                now.saturating_sub(before).0.saturating_sub(self.powered_ms)
            }
            (Some(before), Some(now)) if before.saturating_sub(now).0 < BACK_MS_MAX => {
                return 0; // `before` stands until the clock has caught up
            }
            (_, _) => powered_ms,
        };
        match clock {
            Some(_) => (self.clock_ms, self.powered_ms) = (clock, 0),
            None => self.powered_ms = self.powered_ms.saturating_add(powered_ms),
        }
        self.passed_ms = self.passed_ms.saturating_add(passed_ms);
        passed_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_with_a_clock_and_without() {
        const START: u64 = 1_700_000_000_000;
        let at = |s: u64| Some(TimeMs(START + s * 1000));
        // (seconds with power since the last look, clock, seconds that have passed)
        let rows = [
            (5, None, 5),
            (5, None, 5),
            (1, at(0), 1), // never known before: only what had power
            (10, at(10), 10),
            (0, at(3_610), 3_600), // without power for an hour
            (20, None, 20),        // a start without a clock
            (30, None, 30),
            (1, at(10_000), 6_340), // known again: all of it, less what was counted
            (5, at(9_998), 0),      // a header that was on its way
            (5, at(10_003), 3),
            (5, at(1_000), 5), // set back by hours: what had power
            (5, at(1_005), 5),
            (0, at(1_005), 0),
        ];
        let (mut time, mut sum) = (OwnTime::default(), 0);
        for (row, (powered, clock, passed)) in rows.into_iter().enumerate() {
            assert_eq!(time.advance(powered * 1000, clock), passed * 1000, "row {row}");
            sum += passed * 1000;
            assert_eq!(time.passed_ms, sum, "row {row}");
        }
    }

    /// Goal: no order of reboots with and without a clock makes time pass that did not.
    #[test]
    fn time_never_runs_ahead_of_a_true_clock() {
        let mut seed = 7u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let (mut time, mut true_ms) = (OwnTime::default(), 0u64);
        for _ in 0..20_000 {
            let ms = random(100_000);
            true_ms += ms;
            let (powered, known) = (if random(3) == 0 { 0 } else { ms }, random(2) == 0);
            time.advance(powered, known.then(|| TimeMs(1_000_000_000_000 + true_ms)));
            assert!(time.passed_ms <= true_ms);
        }
        assert!(time.passed_ms > true_ms / 3);
    }
}
