//! Decides when a meter's readings are sent: at once while all is well, ever more rarely when they are refused, and
//! never those of a whole village in the same second.
//!
//! After an outage every light node has the same backlog and the same validators. Each waits a random part of a span
//! that grows with its own backlog before it begins, sends one transaction at a time, and when its
//! bandwidth is used up comes back after a random part of a pause that doubles each time. Progress shortens that pause
//! by a quarter instead of ending it: all of them together find the rate that the chain can bear. Randomness is an
//! argument, so that a village can be simulated.

use crate::submit::{Progress, SubmitError};
use std::time::Duration;
use wattle_primitives::call::energy::READINGS_MAX;

/// Pause after progress: long enough for a block.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause after rounds without progress.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(60);
/// First pause when the bandwidth is used up.
const REFUSED_MIN: Duration = Duration::from_secs(4);
/// Longest pause while it is.
const REFUSED_MAX: Duration = Duration::from_secs(300);
/// Part of an interval over which what comes at its end is spread.
const STAGGER_PARTS: u32 = 30;

/// Outcome of a round, as far as it matters for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing waits.
    Idle,
    /// The chain has taken readings since the last round.
    Moved,
    /// Something is on its way and not yet proven.
    Waiting,
    /// No peer, or one that was of no use: another one is soon asked.
    Failed,
    /// The account's bandwidth or a peer's room is used up for now.
    Refused,
    /// Only people can help: the meter is not registered, or nothing can be proven.
    Stuck,
}

/// The pauses of one meter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    step: Option<Step>,
    /// The last pause before chance had its part in it.
    pause: Duration,
    /// The pause that shortage has taught; zero while there was none.
    taught: Duration,
}

impl Step {
    /// The outcome of a round. `moved` says whether readings were settled since the one before.
    #[must_use]
    pub(crate) fn of(result: &Result<Progress, SubmitError>, moved: bool) -> Self {
        match result {
            Ok(Progress::Idle) => Self::Idle,
            Ok(Progress::Sent { .. }) if moved => Self::Moved,
            Ok(Progress::Sent { .. }) => Self::Waiting,
            Ok(Progress::NoPeer) => Self::Failed,
            Ok(Progress::NotRegistered | Progress::Unproven { .. } | Progress::Refused) => Self::Stuck,
            Err(error) if error.is_shortage() => Self::Refused,
            Err(SubmitError::Refused { .. }) => Self::Stuck,
            Err(_) => Self::Failed,
        }
    }
}

impl Pacer {
    /// Whether readings were on their way after the last round.
    #[must_use]
    pub(crate) const fn goes_on(&self) -> bool {
        matches!(self.step, Some(Step::Moved | Step::Waiting))
    }

    /// How long to wait after `step`. `usual` is the pause between two looks at the chain, `random` any number.
    pub(crate) fn next(&mut self, step: Step, usual: Duration, random: u64) -> Duration {
        let (before, usual) = (self.step.replace(step), usual.max(PAUSE_MIN));
        let doubled = if before == Some(step) { self.pause.saturating_mul(2) } else { PAUSE_MIN };
        self.pause = match step {
            Step::Idle => {
                self.taught = Duration::ZERO;
                return usual;
            }
            Step::Refused => {
                self.taught = self.taught.saturating_mul(2).clamp(REFUSED_MIN, REFUSED_MAX);
                self.taught
            }
            Step::Moved => {
                self.taught = (self.taught / 4).saturating_mul(3);
                if self.taught <= PAUSE_MIN {
                    self.taught = Duration::ZERO;
                    return PAUSE_MIN;
                }
                self.taught
            }
            Step::Waiting | Step::Failed => doubled.max(PAUSE_MIN).min(usual).min(PAUSE_MAX),
            Step::Stuck => doubled.max(PAUSE_MIN).min(PAUSE_MAX),
        };
        upper_half(self.pause, random)
    }
}

/// How long to wait before a backlog of `depth` readings is begun with: a random part of ten seconds for each
/// transaction it takes, at most of `longest`; nothing while there is no backlog.
#[must_use]
pub(crate) fn spread(depth: usize, longest: Duration, random: u64) -> Duration {
    let transactions = u32::try_from(depth / READINGS_MAX).unwrap_or(u32::MAX);
    part(Duration::from_secs(10).saturating_mul(transactions).min(longest), random)
}

/// How long to wait before a reading is sent that follows upon a time with nothing to send: a random part of a
/// thirtieth of the interval between two readings, at most of `longest`. At the end of an interval all of a village
/// have one.
#[must_use]
pub(crate) fn stagger(reading_interval_ms: u64, longest: Duration, random: u64) -> Duration {
    let interval = Duration::from_millis(wattle_host::wall::shrunk(reading_interval_ms));
    part(stagger_span(interval, longest), random)
}

/// The span over which a village spreads what all of it has to do at an interval's end.
#[must_use]
pub(crate) fn stagger_span(interval: Duration, longest: Duration) -> Duration {
    (interval / STAGGER_PARTS).min(longest)
}

/// Between a half of `pause` and the whole: those who failed or were refused together do not come back together.
#[must_use]
pub(crate) fn upper_half(pause: Duration, random: u64) -> Duration {
    let half = pause / 2;
    half.saturating_add(part(half, random))
}

/// A random part of `span`.
#[must_use]
pub(crate) fn part(span: Duration, random: u64) -> Duration {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random.checked_rem(ms.saturating_add(1)).unwrap_or(0))
}

/// A random number; 0 where the operating system has none: the pauses are then not spread.
#[must_use]
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0,
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
