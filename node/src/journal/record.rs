//! Records of the log.

use crate::signer::PendingVote;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_consensus::Record;
use wattle_primitives::{Block, DecodeError, decode, encode};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
#[expect(
    clippy::large_enum_variant,
    reason = "a group holds a few records, most of them of the large variant"
)]
pub enum WalRecord {
    /// A record that the consensus core wants to find again; an own vote comes in through `vote_bytes`.
    Consensus(Record) = 0,
    /// An encoded block: in the log before the vote for it leaves. See [`WalRecord::body`].
    Body(Vec<u8>) = 1,
}

/// Most bytes of a record that is neither a body nor a certificate, and of a certificate but for its signatures.
const RECORD_BYTES: usize = 512;
const SIGNATURE_BYTES: usize = 64;

/// The first bytes of an encoded [`WalRecord::Consensus`] with a [`Record::Vote`].
const VOTE_PREFIX: [u8; 2] = [0, 0];

impl WalRecord {
    /// The record of a block.
    #[must_use]
    pub fn body(block: &Block) -> Self {
        Self::Body(encode(block))
    }

    /// Bytes that it takes in the log, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Body(bytes) => bytes.len(),
            Self::Consensus(Record::Certificate(c)) => RECORD_BYTES + c.signatures.len() * SIGNATURE_BYTES,
            Self::Consensus(Record::Vote(_) | Record::Block(_) | Record::Certified { .. }) => RECORD_BYTES,
        }
    }

    /// The block, if it is one's record.
    ///
    /// # Errors
    /// [`DecodeError`] when another build wrote it.
    pub fn block(&self) -> Result<Option<Block>, DecodeError> {
        match self {
            Self::Body(bytes) => decode(bytes).map(Some),
            Self::Consensus(_) => Ok(None),
        }
    }
}

/// The encoded record of a vote that is not yet durable, and so cannot be had in any other form.
pub(super) fn vote_bytes(vote: &PendingVote) -> Vec<u8> {
    let mut bytes = VOTE_PREFIX.to_vec();
    bytes.extend(encode(vote));
    bytes
}
