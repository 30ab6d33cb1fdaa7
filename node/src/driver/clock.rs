//! This validator's clock, and what validators tell each other of theirs.
//!
//! Each says what its own clock reads, over the streams that prove its key, when they open and every ten seconds.
//! Nobody passes that on, so it needs no signature. Rules: [`wattle_consensus::Clock`].

use super::{Driver, Effect};
use std::sync::Arc;
use wattle_consensus::MonoMs;
use wattle_consensus::clock::REPORT_AGE_MS_MAX;
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::{PublicKey, TimeMs};

/// How often a member says what its clock reads, in ms.
const TELL_INTERVAL_MS: u64 = 10_000;

const _: () =
    assert!(TELL_INTERVAL_MS * 2 < REPORT_AGE_MS_MAX, "one that is lost does not silence its sender");

impl Driver {
    /// Reads the clock: the time that proposals are judged by, and the node's own blocks are dated by.
    pub fn read_clock(&mut self, mono: MonoMs, os_wall: TimeMs) -> TimeMs {
        self.mono = self.mono.max(mono);
        self.reading = self.clock.read(self.mono, os_wall);
        self.reading
    }

    /// The clock when it was last read.
    #[must_use]
    pub const fn reading(&self) -> TimeMs {
        self.reading
    }

    /// About when the next block is made: by this clock, but never before the last one, wherever the clock stands.
    pub(super) fn next_time(&self) -> TimeMs {
        self.reading.max(self.tree.header.time_ms.next())
    }

    /// Tells everybody, from time to time.
    pub(super) fn tell_clock(&mut self) {
        if self.current.core.is_some() && self.mono >= self.tell_clock_at {
            self.tell_clock_at = self.mono.after(TELL_INTERVAL_MS);
            self.emit(Effect::Broadcast(Arc::new(ValidatorMessage::Clock(self.reading))));
        }
    }

    /// Tells one with whom messages are exchanged from now on.
    pub(super) fn tell_clock_to(&mut self, key: PublicKey) {
        if self.current.core.is_some() {
            self.emit(Effect::Send(key, Arc::new(ValidatorMessage::Clock(self.reading))));
        }
    }
}
