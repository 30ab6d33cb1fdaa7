//! What time it is on a computer that may have no clock.
//!
//! The operating system's clock counts when the system says that it is synchronized. Otherwise the time of the newest
//! verified header is carried on by the monotonic clock. Before either is known the time is worth nothing, and a
//! reading says so; its order comes from boot id, uptime and sequence number.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use wattle_primitives::TimeMs;
use wattle_primitives::reading::ClockQuality;

/// Exists while systemd's time service considers the clock synchronized.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// What the computer's clocks say.
pub trait TimeSource: Send + Sync {
    /// Monotonic ms since some zero, the same for the life of the source.
    fn mono_ms(&self) -> u64;
    /// The operating system's clock in ms UTC; may be wrong by years.
    fn os_ms(&self) -> u64;
    /// Whether that clock is vouched for.
    fn is_synchronized(&self) -> bool;
}

/// The clocks of one start of the light node.
pub struct Clock {
    boot_id: u64,
    source: Box<dyn TimeSource>,
    chain: Mutex<Option<Anchor>>,
}

/// The operating system's clocks.
struct OsTime {
    started: Instant,
    trust_os: bool,
}

impl TimeSource for OsTime {
    fn mono_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    fn os_ms(&self) -> u64 {
        crate::wall::now_ms()
    }

    fn is_synchronized(&self) -> bool {
        self.trust_os || Path::new(SYNCHRONIZED).exists()
    }
}

#[derive(Clone, Copy)]
struct Anchor {
    time_ms: u64,
    /// Monotonic ms.
    at_ms: u64,
    /// Whether the header was verified since the start; a saved one is a lower bound only.
    live: bool,
}

impl Clock {
    /// Starts the clocks. `trust_os` takes the operating system's clock as synchronized without asking.
    ///
    /// # Errors
    /// When the operating system has no entropy for the boot id.
    pub fn start(trust_os: bool) -> Result<Self, getrandom::Error> {
        let mut id = [0; 8];
        getrandom::fill(&mut id)?;
        let boot_id = u64::from_le_bytes(id);
        Ok(Self::of(boot_id, Box::new(OsTime { started: Instant::now(), trust_os })))
    }

    /// Clocks by another source, for a simulated computer.
    #[must_use]
    pub fn of(boot_id: u64, source: Box<dyn TimeSource>) -> Self {
        Self { boot_id, source, chain: Mutex::new(None) }
    }

    /// Random at each start.
    #[must_use]
    pub const fn boot_id(&self) -> u64 {
        self.boot_id
    }

    /// Monotonic ms since the start.
    #[must_use]
    pub fn uptime_ms(&self) -> u64 {
        self.source.mono_ms()
    }

    /// A header of this time is believed. `live` when it was verified just now, not read from disk.
    pub fn anchor(&self, time: TimeMs, live: bool) {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        if chain.is_none_or(|old| time.0 > old.time_ms || live && !old.live) {
            *chain = Some(Anchor { time_ms: time.0, at_ms: self.source.mono_ms(), live });
        }
    }

    /// The time for a reading, and what it is worth.
    #[must_use]
    pub fn stamp(&self) -> (TimeMs, ClockQuality) {
        let chain = self.chain_anchor();
        match (self.os_is_synchronized(), chain) {
            (true, _) => (TimeMs(self.source.os_ms()), ClockQuality::Synced),
            (false, Some(anchor)) if anchor.live => (self.carried(&anchor), ClockQuality::Chain),
            _ => (self.now(), ClockQuality::Unset),
        }
    }

    /// The best lower bound of the time: the later of the system's clock and the carried-on chain time.
    #[must_use]
    pub fn now(&self) -> TimeMs {
        TimeMs(self.source.os_ms()).max(self.chain_time().unwrap_or(TimeMs::ZERO))
    }

    /// The chain's time by its newest believed header, carried on.
    #[must_use]
    pub fn chain_time(&self) -> Option<TimeMs> {
        self.chain_anchor().map(|anchor| self.carried(&anchor))
    }

    /// Whether the operating system's clock may be used to refuse headers from the future.
    #[must_use]
    pub fn os_is_synchronized(&self) -> bool {
        self.source.is_synchronized()
    }

    /// A header's time, carried on by the monotonic clock.
    fn carried(&self, anchor: &Anchor) -> TimeMs {
        TimeMs(anchor.time_ms.saturating_add(self.source.mono_ms().saturating_sub(anchor.at_ms)))
    }

    fn chain_anchor(&self) -> Option<Anchor> {
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn quality_follows_what_is_known() {
        let clock = Clock::start(false).unwrap();
        if clock.os_is_synchronized() {
            return; // this machine's time service would decide
        }
        assert_eq!(clock.stamp().1, ClockQuality::Unset);
        let ahead = TimeMs(clock.source.os_ms() + 3_600_000);
        clock.anchor(ahead, false);
        assert_eq!(clock.stamp().1, ClockQuality::Unset);
        assert!(clock.now() >= ahead, "the saved head bounds the time from below");
        clock.anchor(ahead, true);
        let (time, quality) = clock.stamp();
        assert_eq!(quality, ClockQuality::Chain);
        assert!(time >= ahead);
        clock.anchor(TimeMs(5), true);
        assert!(clock.chain_time().unwrap() >= ahead, "an older header does not set it back");
        assert_eq!(Clock::start(true).unwrap().stamp().1, ClockQuality::Synced);
    }
}
