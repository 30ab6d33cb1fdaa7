//! A validator's clock: what it judges the times of proposals by, and dates its own. No block moves one that is
//! believed.
//!
//! It is the operating system's clock, unless at the start that stands more than [`BEHIND_MS_MAX`] behind the last
//! committed block: a computer without a real-time clock wakes up in 1970. Then the time is carried on from that block
//! by the monotonic clock, and raised to what validators with more than a third of the power say at least, so to what
//! at least one honest clock says; and to the last final block's. As soon as the operating system's clock is set it is
//! believed, until the next start.
//!
//! A block may be ahead of the honest clock that let it pass by the skew. The time is carried on from that much before
//! it, so that neither restarts nor blocks of liars add up to anything. The reasons: `docs/adr/readings-of-time.md`.
//!
//! # Invariants
//! - With less than a third of the power faulty, a carried time is never ahead of every honest clock.
//! - A clock that was believed once is believed until the next start.
//!
//! # Not here
//! The clocks themselves (the driver hands their readings in), and what is valid at a time (`core::notarize`).

use crate::MonoMs;
use std::collections::BTreeMap;
use wattle_primitives::{PublicKey, TimeMs, ValidatorSet, planted};

/// How far the operating system's clock may stand behind the carried time and still be believed, ms.
pub const BEHIND_MS_MAX: u64 = 3_600_000;
/// Age from which on what another validator said of its clock no longer counts, ms.
pub const REPORT_AGE_MS_MAX: u64 = 60_000;

/// A validator's clock. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Clock {
    /// `None`: the operating system's clock is believed.
    carried: Option<Carried>,
}

/// A time without a clock.
#[derive(Clone, Debug)]
struct Carried {
    from: Anchor,
    skew: TimeMs,
    /// The last word of each other validator; those of the set alone.
    reports: BTreeMap<PublicKey, Anchor>,
}

/// A time, and when it was so by the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    time: TimeMs,
    at: MonoMs,
}

impl Anchor {
    const fn now(&self, mono: MonoMs) -> TimeMs {
        TimeMs(self.time.0.saturating_add(mono.since(self.at)))
    }
}

impl Clock {
    /// The clock of a validator that starts at `mono` with a block of `header_ms` as its last committed one.
    #[must_use]
    pub fn new(header_ms: TimeMs, clock_skew_ms_max: u64, mono: MonoMs) -> Self {
        let skew = TimeMs(clock_skew_ms_max);
        let from = Anchor { time: header_ms.saturating_sub(skew), at: mono };
        Self { carried: Some(Carried { from, skew, reports: BTreeMap::new() }) }
    }

    /// A block of `header_ms` is final: an honest clock had reached the skew before it, and so has a carried time.
    pub fn finalized(&mut self, header_ms: TimeMs, mono: MonoMs) {
        if let Some(carried) = &mut self.carried
            && !planted!("carried-time-stays-behind")
        {
            carried.raise(header_ms.saturating_sub(carried.skew), mono);
        }
    }

    /// The time, where the operating system's clock says `os`.
    pub fn read(&mut self, mono: MonoMs, os: TimeMs) -> TimeMs {
        let Some(carried) = &self.carried else { return os };
        let time = carried.from.now(mono);
        let behind = time.saturating_sub(os).0;
        if behind > BEHIND_MS_MAX || planted!("clock-a-little-behind-is-lost", behind > 0) {
            return time;
        }
        self.carried = None;
        os
    }

    /// Whether the time is carried on, for want of a clock that can be believed.
    #[must_use]
    pub const fn is_carried(&self) -> bool {
        self.carried.is_some()
    }

    /// A validator says, itself and now, what its clock reads. It matters to a carried time only.
    pub fn told(&mut self, by: PublicKey, time: TimeMs, mono: MonoMs, set: &ValidatorSet) {
        let Some(carried) = &mut self.carried else { return };
        if set.index_of(&by).is_some() {
            carried.reports.insert(by, Anchor { time, at: mono });
        }
        let counts = |key: &PublicKey, said: &Anchor| {
            set.index_of(key).is_some() && mono.since(said.at) < REPORT_AGE_MS_MAX
        };
        carried.reports.retain(|key, said| counts(key, said));
        if let Some(time) = carried.vouched(mono, set) {
            carried.raise(time, mono);
        }
    }
}

impl Carried {
    fn raise(&mut self, time: TimeMs, mono: MonoMs) {
        if time > self.from.now(mono) {
            self.from = Anchor { time, at: mono };
        }
    }

    /// The latest time that validators with more than a third of the power say at least.
    fn vouched(&self, mono: MonoMs, set: &ValidatorSet) -> Option<TimeMs> {
        let power_of = |key: &PublicKey| set.index_of(key).and_then(|at| set.get(at)).map(|v| v.power.0);
        let said = self.reports.iter().filter_map(|(key, said)| Some((said.now(mono), power_of(key)?)));
        let mut said: Vec<(TimeMs, u64)> = said.collect();
        said.sort_unstable_by(|a, b| b.cmp(a));
        let mut power = 0u64;
        said.into_iter().find_map(|(time, more)| {
            power = power.saturating_add(more);
            let enough = power.saturating_mul(3) > set.total().0;
            (enough || planted!("clock-raised-by-anybody")).then_some(time)
        })
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
