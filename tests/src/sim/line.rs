//! Narrow lines: the one line through which a node has all its links carries so many bytes a second in each direction,
//! and everything on it is late. What goes from one narrow line to another passes both.

use super::rng::Rng;
use std::collections::BTreeMap;
use wattle_primitives::Hash;

/// Bytes that frames, encryption and acknowledgements add to a message.
const FRAMING_BYTES: u64 = 100;
/// A message that is not asked for is dropped when it would wait longer than this, ms: queues of streams are bounded.
const QUEUE_MS_MAX: u64 = 3_000;

/// Bytes a second that narrow lines carry.
const WIDTHS: [u64; 5] = [1_000, 2_000, 4_000, 8_000, 24_000];

/// A node's line to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The node.
    pub node: usize,
    /// Bytes a second from it to the others.
    pub up_bytes_per_s: u64,
    /// Bytes a second from the others to it.
    pub down_bytes_per_s: u64,
    /// How late everything comes, each way, in ms.
    pub latency_ms: u64,
}

impl Line {
    /// 64 kbit/s and 300 ms: a village's radio link on a bad day.
    #[must_use]
    pub const fn radio(node: usize) -> Self {
        Self { node, up_bytes_per_s: 8_000, down_bytes_per_s: 8_000, latency_ms: 300 }
    }

    /// A line that is as wide in one direction as in the other.
    pub(super) fn draw(rng: &mut Rng, node: usize) -> Self {
        let width = Self::width(rng);
        Self { node, up_bytes_per_s: width, down_bytes_per_s: width, latency_ms: rng.between(20, 300) }
    }

    /// In half of all cases the other direction gets a width of its own.
    pub(super) fn skew(&mut self, rng: &mut Rng) {
        if rng.coin() {
            self.up_bytes_per_s = Self::width(rng);
        }
    }

    fn width(rng: &mut Rng) -> u64 {
        rng.pick(&WIDTHS).copied().unwrap_or(WIDTHS[0])
    }

    /// Its two directions: from the node, and to it.
    pub(super) const fn pipes(self) -> [Pipe; 2] {
        [Pipe::new(self.up_bytes_per_s, self.latency_ms), Pipe::new(self.down_bytes_per_s, self.latency_ms)]
    }
}

/// A message as a line sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) bytes: usize,
    /// Its receiver waits for it, or its sender for an answer.
    pub(super) asked_for: bool,
    /// It is a proposal, and this one: what waits for a link or is on it is not queued for it again.
    pub(super) block: Option<Hash>,
}

/// One direction of a line.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    bytes_per_s: u64,
    latency_ms: u64,
    /// When each proposal is through, by the far end of its link.
    blocks: BTreeMap<(usize, Hash), u64>,
    /// When all that was put in so far is through.
    free_at: u64,
}

impl Pipe {
    const fn new(bytes_per_s: u64, latency_ms: u64) -> Self {
        Self { bytes_per_s, latency_ms, blocks: BTreeMap::new(), free_at: 0 }
    }

    /// Puts in a message at `at` for the link to `far`; when it comes out. `None`: it is dropped, since too much waits,
    /// or it waits already.
    pub(super) fn put(&mut self, at: u64, far: usize, load: Load) -> Option<u64> {
        let begins = self.free_at.max(at);
        self.blocks.retain(|_, through| *through > at);
        let again = load.block.is_some_and(|block| self.blocks.contains_key(&(far, block)));
        if again || (!load.asked_for && begins - at > QUEUE_MS_MAX) {
            return None;
        }
        let bytes = u64::try_from(load.bytes).unwrap_or(u64::MAX).saturating_add(FRAMING_BYTES);
        self.free_at = begins + bytes * 1_000 / self.bytes_per_s.max(1);
        self.blocks.extend(load.block.map(|block| ((far, block), self.free_at)));
        Some(self.free_at + self.latency_ms)
    }
}
