//! The time on a computer that may have no clock.
//!
//! The operating system's clock counts when the system says that it is synchronized. Otherwise the time of the newest
//! verified header is carried on by the monotonic clock, and nothing else: a clock that nobody sets may stand anywhere.
//! Before either is known the time is worth nothing, and a reading says so; its order comes from boot id, uptime and
//! sequence number. Only whether a header is too old to be believed is judged by the system's clock even then, unless
//! that was seen to run ahead of the chain before, or the operator says that it is wrong.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use wattle_primitives::TimeMs;
use wattle_primitives::reading::ClockQuality;

/// A day, in ms.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

/// Exists while systemd's time service considers the clock synchronized.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// So far ahead of the chain's time the system's clock is wrong, in ms.
const AHEAD_MS_MAX: u64 = 3_600_000;

/// The computer's clocks.
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
    /// Whether the operating system's clock was wrong before, while nobody vouched for it.
    distrusted: AtomicBool,
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
        wattle_host::wall::now().0
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
    known: Known,
}

/// Where a header comes from. A later one counts for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// It was saved before the start: a lower bound only.
    Saved,
    /// The operator says that it is new.
    Vouched,
    /// It was verified since the start.
    Live,
}

impl Clock {
    /// Starts the clocks. `trust_os` takes the operating system's clock as synchronized without asking.
    ///
    /// # Errors
    /// When the operating system has no entropy for the boot id.
    pub(crate) fn start(trust_os: bool) -> Result<Self, getrandom::Error> {
        let mut id = [0; 8];
        getrandom::fill(&mut id)?;
        let boot_id = u64::from_le_bytes(id);
        Ok(Self::of(boot_id, Box::new(OsTime { started: Instant::now(), trust_os })))
    }

    /// Clocks by another source, for a simulated computer.
    #[must_use]
    pub fn of(boot_id: u64, source: Box<dyn TimeSource>) -> Self {
        Self { boot_id, source, chain: Mutex::new(None), distrusted: AtomicBool::new(false) }
    }

    /// Random at each start.
    #[must_use]
    pub(crate) const fn boot_id(&self) -> u64 {
        self.boot_id
    }

    /// Monotonic ms since the start.
    #[must_use]
    pub(crate) fn uptime_ms(&self) -> u64 {
        self.source.mono_ms()
    }

    /// A header of this time is believed.
    pub(crate) fn anchor(&self, time: TimeMs, known: Known) {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = |old: Anchor| match known.cmp(&old.known) {
            // While the computer slept the monotonic clock may have stood still.
            std::cmp::Ordering::Less => time > self.carried(&old),
            std::cmp::Ordering::Equal => time.0 > old.time_ms,
            std::cmp::Ordering::Greater => true,
        };
        if chain.is_none_or(counts) {
            let known = chain.map_or(known, |old| old.known.max(known));
            *chain = Some(Anchor { time_ms: time.0, at_ms: self.source.mono_ms(), known });
        }
    }

    /// The operating system's clock is wrong: it counts for nothing unless it is vouched for.
    pub(crate) fn distrust(&self, distrusted: bool) {
        self.distrusted.store(distrusted, Ordering::Relaxed);
    }

    /// Whether it is taken to be wrong.
    #[must_use]
    pub(crate) fn is_distrusted(&self) -> bool {
        self.distrusted.load(Ordering::Relaxed)
    }

    /// Whether the time is known: by a clock that is vouched for, or by a header verified since the start.
    #[must_use]
    pub(crate) fn is_known(&self) -> bool {
        self.stamp().1 != ClockQuality::Unset
    }

    /// Whether the operating system's clock runs far ahead of the chain. `None` while there is nothing to compare: it
    /// is vouched for, or no header was verified since the start.
    #[must_use]
    pub(crate) fn os_is_ahead(&self) -> Option<bool> {
        let anchor = self.chain_anchor().filter(|anchor| anchor.known == Known::Live)?;
        if self.os_is_synchronized() {
            return None;
        }
        Some(self.source.os_ms() > self.carried(&anchor).0.saturating_add(AHEAD_MS_MAX))
    }

    /// The time for a reading, and what it is worth.
    #[must_use]
    pub(crate) fn stamp(&self) -> (TimeMs, ClockQuality) {
        let chain = self.chain_anchor();
        match (self.os_is_synchronized(), chain) {
            (true, _) => (TimeMs(self.source.os_ms()), ClockQuality::Synced),
            (false, Some(anchor)) if anchor.known == Known::Live => {
                (self.carried(&anchor), ClockQuality::Chain)
            }
            _ => (self.now(), ClockQuality::Unset),
        }
    }

    /// The best lower bound of the time. A clock that nobody vouches for has no say in it once a header was verified.
    #[must_use]
    pub(crate) fn now(&self) -> TimeMs {
        let chain = self.chain_anchor();
        let told = chain.filter(|anchor| anchor.known > Known::Saved || self.is_distrusted());
        match told.filter(|_| !self.os_is_synchronized()) {
            Some(anchor) => self.carried(&anchor),
            None => TimeMs(self.source.os_ms()).max(self.chain_time().unwrap_or(TimeMs::ZERO)),
        }
    }

    /// The chain's time by its newest believed header, carried on.
    #[must_use]
    pub(crate) fn chain_time(&self) -> Option<TimeMs> {
        self.chain_anchor().map(|anchor| self.carried(&anchor))
    }

    /// Whether the operating system's clock may be used to refuse headers from the future.
    #[must_use]
    pub(crate) fn os_is_synchronized(&self) -> bool {
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
#[path = "clock_tests.rs"]
mod tests;
