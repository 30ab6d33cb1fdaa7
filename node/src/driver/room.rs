//! How many bytes of transactions a block of this leader holds: what the network has been seen to carry in a view.
//!
//! A policy of the leader, not a rule of validity. A view of ours that is given up although its block was there halves
//! the next blocks, down to empty ones; a block of ours that is finalized and had to leave transactions out doubles
//! them, up to the limit of the chain. From half of a size that failed on they grow slowly and stay below it, until
//! it is long ago.

use std::collections::BTreeMap;
use wattle_primitives::{Round, planted};

/// Below this many bytes blocks are empty.
const BYTES_MIN: usize = 2 * 1024;
/// Most blocks of ours whose end is awaited.
const PROPOSED_MAX: usize = 64;

/// Full blocks of ours that are final after which a size that failed is tried again.
const CEILING_BLOCKS: u32 = 64;

/// Room in the next block of this leader.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// `None`: as much as the chain lets it hold.
    bytes_max: Option<usize>,
    ceiling: Option<Ceiling>,
    /// Our blocks that are neither final nor given up.
    proposed: BTreeMap<Round, Proposed>,
}

/// A size that failed.
#[derive(Clone, Copy, Debug)]
struct Ceiling {
    bytes: usize,
    /// Full blocks of ours that were final since.
    finals: u32,
}

#[derive(Clone, Copy, Debug)]
struct Proposed {
    bytes: usize,
    /// Transactions had to be left out for want of room.
    full: bool,
}

impl Room {
    /// Bytes of transactions that the next block may hold.
    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max.unwrap_or(usize::MAX)
    }

    /// A block of ours is built from candidates of `offered` bytes.
    pub(super) fn building(&mut self, round: Round, offered: usize) {
        if self.proposed.len() >= PROPOSED_MAX {
            self.proposed.pop_first();
        }
        self.proposed.insert(round, Proposed { bytes: 0, full: offered > self.bytes_max() });
    }

    /// It holds transactions of `bytes` bytes.
    pub(super) fn built(&mut self, round: Round, bytes: usize) {
        if let Some(proposed) = self.proposed.get_mut(&round) {
            proposed.bytes = bytes;
        }
    }

    /// A view was given up: if it had a block of ours, that was too large for it.
    pub(super) fn given_up(&mut self, round: Round) {
        let Some(Proposed { bytes, .. }) = self.proposed.remove(&round) else { return };
        let half = self.bytes_max().min(bytes) / 2;
        if bytes > 0 && !planted!("given-up-block-not-halved") {
            self.bytes_max = Some(if half < BYTES_MIN { 0 } else { half });
            // Of several that failed in a row the first: smaller ones show only that it was not the size alone.
            let in_a_row = self.ceiling.filter(|ceiling| ceiling.finals == 0);
            self.ceiling = in_a_row.or(Some(Ceiling { bytes, finals: 0 }));
        }
    }

    /// A block of ours is final; `chain_max` is the most that the chain lets a block hold.
    pub(super) fn finalized(&mut self, round: Round, chain_max: u32) {
        let chain_max = usize::try_from(chain_max).unwrap_or(usize::MAX);
        let full = self.proposed.remove(&round).is_some_and(|proposed| proposed.full);
        if let (true, Some(bytes)) = (full, self.bytes_max) {
            let grown = self.grown(bytes).max(BYTES_MIN);
            self.bytes_max = Some(grown).filter(|grown| *grown < chain_max);
        }
    }

    /// The size after one that a full final block had.
    fn grown(&mut self, bytes: usize) -> usize {
        let doubled = bytes.saturating_mul(2);
        self.ceiling.take_if(|ceiling| ceiling.finals >= CEILING_BLOCKS);
        let Some(ceiling) = &mut self.ceiling else { return doubled };
        ceiling.finals = ceiling.finals.saturating_add(1);
        if doubled < ceiling.bytes || planted!("block-size-swings") {
            return doubled;
        }
        let below = ceiling.bytes.saturating_sub(ceiling.bytes / 8);
        bytes.saturating_add(bytes / 8).min(below).max(bytes)
    }

    /// Rounds up to a final one are settled.
    pub(super) fn settled(&mut self, last: Round) {
        self.proposed.retain(|round, _| *round > last);
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
