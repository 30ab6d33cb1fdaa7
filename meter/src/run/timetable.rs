//! When to visit the chain on demand: with each reading, at least once in an interval, and after a failure soon again,
//! ever more rarely.
//!
//! Nothing here is done in step with others: a reading at the end of an interval is one that a whole village has, and
//! after an outage all of it comes back at once. Time and chance are arguments.

use crate::pace::{part, stagger_span, upper_half};
use std::time::{Duration, Instant};
use wattle_primitives::planted;

/// Part of an interval that the next reading may be late before the chain is visited without one.
const LATE_PARTS: u32 = 10;
/// First pause after a failure.
const RETRY_MIN: Duration = Duration::from_secs(15);

/// See the module.
#[derive(Debug)]
pub(super) struct Timetable {
    interval: Duration,
    /// Span over which visits with a reading are spread.
    stagger: Duration,
    due: Instant,
    /// When the last visit that came to something began.
    last: Option<Instant>,
    /// The pause after the last failure; zero when there was none since.
    pause: Duration,
}

impl Timetable {
    /// One for visits every `interval`, spread over `longest` at most; the first of them comes soon.
    pub(super) fn new(interval: Duration, longest: Duration, now: Instant, random: u64) -> Self {
        let stagger = stagger_span(interval, longest);
        Self { interval, stagger, due: now + part(stagger, random), last: None, pause: Duration::ZERO }
    }

    /// Time until the next visit; zero when it is due.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now)
    }

    /// A reading waits. It is brought at a moment of its own, but not much sooner than an interval after the last
    /// visit: a meter with many readings must not cost a visit for each.
    pub(super) fn reading(&mut self, now: Instant, random: u64) {
        if !self.pause.is_zero() {
            return; // nobody could be reached: the next try is due anyway
        }
        let last = self.last.filter(|_| !planted!("light-visit-for-each-reading"));
        let soonest = last.map_or(now, |last| last + self.interval.saturating_sub(self.stagger));
        self.due = self.due.min(soonest.max(now + part(self.stagger, random)));
    }

    /// There is something to learn at once.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = now;
    }

    /// A visit that began at `begun` is over.
    pub(super) fn visited(&mut self, begun: Instant, now: Instant, good: bool, random: u64) {
        if good {
            (self.last, self.pause) = (Some(begun), Duration::ZERO);
            self.due = begun + self.interval + self.interval / LATE_PARTS;
            return;
        }
        let first = stagger_span(self.interval, RETRY_MIN);
        self.pause = self.pause.saturating_mul(2).max(first).min(self.interval);
        self.due = now + upper_half(self.pause, random);
    }
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
