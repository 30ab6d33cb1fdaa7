//! A block that comes in parts: one that is larger than what the link to its sender carries in some seconds.
//!
//! All parts come from one peer, so that it is clear who is to blame when they make no block, or another one. They
//! outlast its connection: what has come once need not come again.

use super::pace::Progress;
use super::partial::Useless;
use borsh::BorshDeserialize;
use wattle_consensus::MonoMs;
use wattle_p2p::PeerId;
use wattle_p2p::wire::{BlockPart, PART_BYTES_MIN, SYNC_BLOCK_BYTES_MAX, SyncBlock, answer_bytes_max};
use wattle_primitives::block::HEADER_BYTES_MAX;
use wattle_primitives::{Decode, Hash, Header, decode, planted};

/// The parts that have come.
#[derive(Debug)]
pub(super) struct Parts {
    peer: PeerId,
    hash: Hash,
    since: MonoMs,
    bytes: Vec<u8>,
}

impl Parts {
    /// None of a block yet, to come from this peer, which was asked at `since`.
    pub(super) const fn new(peer: PeerId, hash: Hash, since: MonoMs) -> Self {
        Self { peer, hash, since, bytes: Vec::new() }
    }

    /// Who sends them.
    pub(super) const fn peer(&self) -> PeerId {
        self.peer
    }

    /// The block's hash, by its sender's word.
    pub(super) const fn hash(&self) -> Hash {
        self.hash
    }

    /// How it goes on.
    pub(super) const fn progress(&self) -> Progress {
        Progress { since: self.since, bytes: self.bytes.len() }
    }

    /// Bytes that have come.
    pub(super) fn offset(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// Whether what has come is of this block, header and transactions. Where it ends within the certificate, or a
    /// block is not known, nobody can say.
    pub(super) fn is_of(&self, encoded: &[u8]) -> bool {
        self.bytes.iter().zip(encoded).all(|(come, right)| come == right)
    }

    /// Whether what has come begins with the header that was asked for. It is shorter than the least part.
    fn begins_well(&self) -> bool {
        let header = Header::deserialize(&mut self.bytes.as_slice());
        header.is_ok_and(|header| header.hash() == self.hash) || planted!("parts-without-header")
    }

    /// Takes the answer to a question for `asked` bytes from `offset` on; the block when it is whole. After an error
    /// nothing of it is of use.
    pub(super) fn push(
        &mut self,
        offset: u32,
        asked: u32,
        part: &BlockPart,
    ) -> Result<Option<SyncBlock>, Useless> {
        if part.hash != self.hash || offset != self.offset() {
            return Ok(None); // it came twice
        }
        let total = usize::try_from(part.total).unwrap_or(usize::MAX);
        let come = self.bytes.len().saturating_add(part.bytes.len());
        let short = part.bytes.len() < PART_BYTES_MIN && come < total;
        let fits = total.saturating_sub(self.bytes.len()) <= answer_bytes_max(asked);
        let unwarranted = fits && (offset == 0 || come < total) && !planted!("unwarranted-part");
        if short || unwarranted || part.bytes.is_empty() || total > SYNC_BLOCK_BYTES_MAX || come > total {
            return Err(Useless::Wrong);
        }
        self.bytes.extend_from_slice(&part.bytes);
        if !self.begins_well() {
            return Err(Useless::Wrong);
        }
        if come < total {
            return Ok(None);
        }
        let block = decode::<SyncBlock>(&self.bytes).map_err(|_| Useless::Wrong)?;
        if block.block.hash() == self.hash || planted!("parts-of-another-block") {
            return Ok(Some(block));
        }
        Err(Useless::Wrong)
    }
}

const _: () = assert!(SYNC_BLOCK_BYTES_MAX == <SyncBlock as Decode>::MAX_BYTES);
const _: () = assert!(HEADER_BYTES_MAX <= PART_BYTES_MIN);

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
