//! Reasons why something is not believed.

use wattle_consensus::light::LightError;
use wattle_host::FileError;
use wattle_p2p::RequestError;
use wattle_p2p::wire::ErrorCode;
use wattle_primitives::trie::ProofError;
use wattle_primitives::{DecodeError, Hash, Height};

/// Reasons why an answer teaches nothing. Each says who pays.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum FollowError {
    /// No answer, or none that can be read: then the peer pays.
    #[error("no answer")]
    Request(#[source] RequestError),
    /// The peer cannot or will not answer now. Nobody's fault.
    #[error("peer declined ({code:?}): {message}")]
    Declined { code: ErrorCode, message: String },
    /// The peer has too much to do.
    #[error("peer is busy")]
    Busy,
    /// An answer to another question. The peer pays.
    #[error("answer to another question")]
    OtherAnswer,
    /// A header that is not proven to be final. The peer pays, unless trust has expired.
    #[error("header is not proven")]
    Light(#[source] LightError),
    /// The set is not the one that the last header of the epoch names. The peer pays.
    #[error("validator set hashes to {got}, the header names {expected}")]
    NextSet { expected: Hash, got: Hash },
    /// The answer speaks of an older state than the one known. Nobody's fault.
    #[error("peer is at height {got}, behind {known}")]
    Behind { known: Height, got: Height },
    /// The state proof is none. The peer pays.
    #[error("state proof does not verify")]
    Proof(#[source] ProofError),
    /// A proven record that this build cannot read: it is older than the chain. Nobody's fault.
    #[error("proven record cannot be decoded")]
    Record(#[source] DecodeError),
    /// Two proven headers exclude each other: nothing is believed until an operator gives a checkpoint.
    #[error("two proven headers exclude each other from height {height} on")]
    Disputed { height: Height },
    /// Too many epochs behind for one round; the next goes on from here.
    #[error("more than {max} epochs behind")]
    Epochs { max: u32 },
    /// The trusted head is not saved for the next start.
    #[error("trusted head")]
    Save(#[source] FileError),
}

impl FollowError {
    /// Whether the peer has shown that it is not honest.
    #[must_use]
    pub const fn is_lie(&self) -> bool {
        match self {
            Self::Light(
                LightError::Expired { .. } | LightError::Version { .. } | LightError::Future { .. },
            ) => false,
            Self::Light(_)
            | Self::Request(RequestError::Garbage { .. })
            | Self::OtherAnswer
            | Self::NextSet { .. }
            | Self::Proof(_) => true,
            _ => false,
        }
    }

    /// Whether nothing can be believed any more, whoever is asked: only a new checkpoint helps.
    #[must_use]
    pub const fn needs_checkpoint(&self) -> bool {
        self.is_expired() || matches!(self, Self::Disputed { .. })
    }

    /// Whether the trust period is over.
    #[must_use]
    pub const fn is_expired(&self) -> bool {
        matches!(self, Self::Light(LightError::Expired { .. }))
    }
}
