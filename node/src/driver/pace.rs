//! How much to ask one peer for at a time, and how long to wait for it: what the link to it has shown that it carries.
//!
//! Bytes double as long as full answers come quickly, and are halved when one takes long or none comes, so that
//! neither a narrow link is choked nor a fast one waits for round trips. Patience is several times what the bytes
//! should take, and doubles with each question that is given up, until an answer does not take long.
//!
//! Whoever begins a block in parts goes on with it only while it keeps up: patience is per answer, and a liar could
//! stretch each of many small ones.

use wattle_consensus::MonoMs;
use wattle_p2p::wire::SYNC_BYTES_MAX;
use wattle_primitives::planted;

/// Bytes asked for at first: 4 s at 64 kbit/s.
const BYTES_START: u32 = 32 * 1024;
/// Fewest bytes asked for.
const BYTES_MIN: u32 = 4 * 1024;
/// Most bytes asked for.
const BYTES_MAX: u32 = 4 * 1024 * 1024 - 64 * 1024;
/// A full answer within this time, ms: twice as much is asked for next.
const QUICK_MS: u64 = 2_000;
/// An answer that takes longer than this, ms: half as much is asked for next.
const SLOW_MS: u64 = 6_000;
/// Patience with a question for nothing, ms: a few round trips over a radio link, and the disk.
const PATIENCE_MS_MIN: u64 = 3_000;
/// Longest patience, ms.
const PATIENCE_MS_MAX: u64 = 60_000;
/// How many times as long as measured an answer may take.
const PATIENCE_FACTOR: u64 = 3;
/// Questions in a row without an answer after which patience doubles no more.
const GIVEN_UP_MAX: u8 = 6;
/// Time that whoever begins a block or a run of blocks has in any case, ms.
const YOUNG_MS: u64 = 20_000;
/// After this time it goes on only if nobody else can, ms.
const OLD_MS: u64 = 300_000;
/// Fewest bytes a second for which it goes on alone in between.
const BYTES_PER_S_MIN: u64 = 4 * 1024;
/// Bytes that times are measured for.
const MIB: u64 = 1024 * 1024;
/// Time for 1 MiB before anything was measured, ms: 64 kbit/s.
const MS_PER_MIB_START: u64 = 131_072;

const _: () =
    assert!(BYTES_MAX as usize == SYNC_BYTES_MAX && BYTES_MIN <= BYTES_START && BYTES_START <= BYTES_MAX);
const _: () = assert!(PATIENCE_MS_MAX as u128 * 3 / 2 <= wattle_p2p::REQUEST_TIMEOUT.as_millis());

/// A delivery of one peer in several answers: a block in parts, or blocks that wait for their certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// When the first of it was asked for.
    pub(super) since: MonoMs,
    /// Bytes that have come.
    pub(super) bytes: usize,
}

impl Progress {
    /// Whether it goes on before others are asked for the same.
    pub(super) fn keeps_up(self, now: MonoMs) -> bool {
        let ms = now.since(self.since);
        let bytes = u64::try_from(self.bytes).unwrap_or(u64::MAX);
        let quick = bytes.saturating_mul(1_000) >= ms.saturating_mul(BYTES_PER_S_MIN);
        ms <= YOUNG_MS || (quick && !self.is_old(now)) || planted!("drip-goes-on")
    }

    /// Whether anybody else goes before it.
    pub(super) const fn is_old(self, now: MonoMs) -> bool {
        now.since(self.since) > OLD_MS
    }

    /// How many peers may be asked for the same at once, however well it comes: a liar can send quickly what makes no
    /// block. One, and one more after 20 s, 60 s, 140 s, 300 s: on a narrow line each slows the others.
    pub(super) fn peers_max(self, now: MonoMs) -> usize {
        let times = now.since(self.since) / YOUNG_MS;
        let more = times.saturating_add(1).ilog2();
        usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1)
    }
}

/// The pace of the link to a peer, as it has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    bytes: u32,
    ms_per_mib: u64,
    /// Questions given up in a row.
    given_up: u8,
    /// Answers in a row that took long.
    slow: u8,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: BYTES_START, ms_per_mib: MS_PER_MIB_START, given_up: 0, slow: 0 }
    }
}

impl Pace {
    /// Bytes to ask for.
    pub(super) const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Questions given up in a row.
    pub(super) const fn given_up(&self) -> u8 {
        self.given_up
    }

    /// Questions in a row that were given up, or whose answers took long: whoever has fewer is asked first. A full
    /// answer just before patience ends is no failure, and costs others the time all the same.
    pub(super) const fn failures(&self) -> u8 {
        self.given_up.saturating_add(self.slow)
    }

    /// How long to wait for as many bytes as are asked for, ms.
    pub(super) fn patience_ms(&self) -> u64 {
        let expected = u64::from(self.bytes).saturating_mul(self.ms_per_mib) / MIB;
        let patience = PATIENCE_MS_MIN.saturating_add(expected.saturating_mul(PATIENCE_FACTOR));
        patience.saturating_mul(1 << self.given_up).min(PATIENCE_MS_MAX)
    }

    /// So many bytes came, late or not, `took_ms` after `asked` were asked for.
    pub(super) fn answered(&mut self, asked: u32, came: u64, took_ms: u64) {
        if took_ms <= SLOW_MS || planted!("drip-ends-patience") {
            self.given_up = 0;
        }
        let full = came.saturating_mul(2) >= u64::from(asked);
        // Of a short answer's time most is latency: the link may be faster than it shows, never slower.
        let seen = took_ms.saturating_mul(MIB).checked_div(came).unwrap_or(self.ms_per_mib);
        self.ms_per_mib = if full { seen } else { seen.min(self.ms_per_mib) };
        self.slow = if took_ms > SLOW_MS { self.slow.saturating_add(1) } else { 0 };
        if took_ms > SLOW_MS {
            self.halve(asked);
        } else if full && took_ms <= QUICK_MS {
            self.bytes = asked.saturating_mul(2).clamp(self.bytes, BYTES_MAX);
        }
    }

    /// A question for so many bytes was given up.
    pub(super) fn give_up(&mut self, asked: u32) {
        self.given_up = self.given_up.saturating_add(1).min(GIVEN_UP_MAX);
        self.halve(asked);
    }

    /// A peer has no room for an answer of so many bytes; for a few there is some.
    pub(super) fn busy(&mut self, asked: u32) {
        self.halve(asked);
    }

    fn halve(&mut self, asked: u32) {
        if !planted!("pace-never-slower") {
            self.bytes = self.bytes.min(asked / 2).max(BYTES_MIN);
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
