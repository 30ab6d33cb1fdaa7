//! Encodings of the blocks that were last asked for in parts: for each part the whole would be read and encoded anew.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use wattle_p2p::wire::{BlockPart, Response, SyncBlock};
use wattle_primitives::{Hash, encode, planted};

/// Most blocks whose encoding is kept.
const BLOCKS_MAX: usize = 4;

/// A block, and whether it is final: then its certificate is with it.
pub(super) type Key = (Hash, bool);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Encoded(Mutex<VecDeque<(Key, Arc<[u8]>)>>);

impl Encoded {
    /// A further part of a block whose encoding is kept.
    pub(super) fn part(&self, key: Key, offset: u32, bytes: u32) -> Option<Response> {
        if offset == 0 || planted!("parts-encoded-anew") {
            return None;
        }
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let encoded = kept.iter().find(|(known, _)| *known == key).map(|(_, encoded)| Arc::clone(encoded));
        drop(kept); // while the part is copied
        encoded.map(|encoded| Response::Part(BlockPart::of(key.0, &encoded, offset, bytes)))
    }

    /// The answer from a block, whose encoding is kept if that is a further part.
    pub(super) fn answer(&self, key: Key, block: SyncBlock, offset: u32, bytes: u32) -> Response {
        if offset == 0 {
            return block.answer(offset, bytes);
        }
        let encoded: Arc<[u8]> = encode(&block).into();
        let part = BlockPart::of(key.0, &encoded, offset, bytes);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != key); // two may have been at it at once
        if kept.len() >= BLOCKS_MAX {
            kept.pop_front();
        }
        kept.push_back((key, encoded));
        Response::Part(part)
    }
}

#[cfg(test)]
#[path = "encoded_tests.rs"]
mod tests;
