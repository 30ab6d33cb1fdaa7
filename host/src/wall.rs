//! The wall clock of this process, ms UTC: the operating system's, or one that runs faster.
//!
//! A devnet can let a day pass in minutes. All of its processes then share a clock that stood at `start_ms` when the
//! system's stood at `base_ms`, and has run `speed` times as fast since. Nothing else may be set up so: callers make
//! sure that the chain is a devnet's. Timers and time-outs go by the monotonic clock and keep their pace.

use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};
use wattle_primitives::TimeMs;

/// Fastest that a clock may run.
pub const SPEED_MAX: u32 = 3600;

static PACE: OnceLock<Pace> = OnceLock::new();

/// How a devnet's clock runs. As text: `base_ms,start_ms,speed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The system's clock when this one was started.
    pub base_ms: u64,
    /// This one then.
    pub start_ms: u64,
    /// How many times as fast it runs: 1 to [`SPEED_MAX`].
    pub speed: u32,
}

impl Pace {
    /// The time when the system's clock says `os_ms`.
    #[must_use]
    pub const fn at(&self, os_ms: u64) -> u64 {
        let since = os_ms.saturating_sub(self.base_ms);
        self.start_ms.saturating_add(since.saturating_mul(self.speed as u64))
    }
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: expected base_ms,start_ms,speed with a speed of 1 to {SPEED_MAX}");
        let numbers: Vec<u64> = text.split(',').map_while(|part| part.parse().ok()).collect();
        let [base_ms, start_ms, speed] = numbers[..] else { return Err(wrong()) };
        let speed = u32::try_from(speed).ok().filter(|speed| (1..=SPEED_MAX).contains(speed));
        Ok(Self { base_ms, start_ms, speed: speed.ok_or_else(wrong)? })
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{}", self.base_ms, self.start_ms, self.speed)
    }
}

/// Lets this process's clock run at `pace` from now on. For devnets only; the first call decides.
pub fn set(pace: Pace) {
    let _ = PACE.set(pace);
}

/// The system's clock, ms UTC; 0 when it stands before 1970.
#[must_use]
pub fn system_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The time, ms UTC; 0 when the system's clock stands before 1970.
#[must_use]
pub fn now() -> TimeMs {
    let os_ms = system_ms();
    TimeMs(PACE.get().map_or(os_ms, |pace| pace.at(os_ms)))
}

/// A span of `ms` on a watch, in ms of this clock: for lifetimes that are meant for people and networks.
#[must_use]
pub fn stretched(ms: u64) -> u64 {
    ms.saturating_mul(u64::from(PACE.get().map_or(1, |pace| pace.speed)))
}

/// A span of `ms` of this clock, in ms on a watch.
#[must_use]
pub fn shrunk(ms: u64) -> u64 {
    ms.checked_div(u64::from(PACE.get().map_or(1, |pace| pace.speed))).unwrap_or(ms)
}

#[cfg(test)]
#[path = "wall_tests.rs"]
mod tests;
