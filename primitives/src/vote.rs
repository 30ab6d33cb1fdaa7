//! Votes of weighted Simplex and what exactly they sign.

use crate::key::SignatureError;
use crate::{Epoch, Hash, Signature, ValidatorIndex, ValidatorSet, View, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A view of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Round {
    /// Epoch; orders first.
    pub epoch: Epoch,
    /// View within it.
    pub view: View,
}

/// A leader's proposal: a block in a round, on top of the one certified in `parent_view`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// Round of the vote. Equals the header's epoch and view, but for an epoch's last block proposed again.
    pub round: Round,
    /// View in which the parent was certified; 0 for the epoch's floor.
    pub parent_view: View,
    /// Header hash.
    pub block: Hash,
}

/// The three kinds of vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum VoteKind {
    /// The block is valid; the leader's is its proposal signature.
    Notarize = 0,
    /// The round shall end without a block.
    Nullify = 1,
    /// This validator did not nullify the round and saw the block certified.
    Finalize = 2,
}

impl VoteKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Notarize, Self::Nullify, Self::Finalize];
}

/// A vote before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Vote {
    /// See [`VoteKind::Notarize`].
    Notarize(Proposal) = 0,
    /// See [`VoteKind::Nullify`].
    Nullify(Round) = 1,
    /// See [`VoteKind::Finalize`].
    Finalize(Proposal) = 2,
}

/// A vote with its signer. Not known to be valid until [`SignedVote::verify`] says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedVote {
    /// The vote that is signed.
    pub vote: Vote,
    /// Position in the set of the vote's epoch.
    pub signer: ValidatorIndex,
    /// Over [`Vote::signing_bytes`].
    pub signature: Signature,
}

/// Why a vote does not count. Whoever relayed it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoteError {
    /// No such validator.
    #[error("signer {signer} is not in the set of {size}")]
    Signer {
        /// Index claimed.
        signer: ValidatorIndex,
        /// Size of the set.
        size: usize,
    },
    /// The signature is not the signer's.
    #[error("signature of validator {signer}")]
    Signature {
        /// Index claimed.
        signer: ValidatorIndex,
        /// Why it does not verify.
        #[source]
        source: SignatureError,
    },
}

impl Vote {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> VoteKind {
        match self {
            Self::Notarize(_) => VoteKind::Notarize,
            Self::Nullify(_) => VoteKind::Nullify,
            Self::Finalize(_) => VoteKind::Finalize,
        }
    }

    /// Its round.
    #[must_use]
    pub const fn round(&self) -> Round {
        match self {
            Self::Notarize(p) | Self::Finalize(p) => p.round,
            Self::Nullify(round) => *round,
        }
    }

    /// The proposal it is for; `None` for a nullify.
    #[must_use]
    pub const fn proposal(&self) -> Option<Proposal> {
        match self {
            Self::Notarize(p) | Self::Finalize(p) => Some(*p),
            Self::Nullify(_) => None,
        }
    }

    /// The exact bytes a validator signs: tag of the kind, chain, then the round or proposal.
    #[must_use]
    pub fn signing_bytes(&self, chain: &Hash) -> Vec<u8> {
        match self {
            Self::Notarize(p) => domain::VOTE_NOTARIZE.signing_bytes(chain, &crate::encode(p)),
            Self::Finalize(p) if crate::planted!("missing-kind-tag") => {
                Self::Notarize(*p).signing_bytes(chain)
            }
            Self::Nullify(r) => domain::VOTE_NULLIFY.signing_bytes(chain, &crate::encode(r)),
            Self::Finalize(p) => domain::VOTE_FINALIZE.signing_bytes(chain, &crate::encode(p)),
        }
    }
}

impl SignedVote {
    /// Checks the signature against the set of the vote's epoch.
    ///
    /// # Errors
    /// [`VoteError`]; the relayer pays.
    pub fn verify(&self, chain: &Hash, set: &ValidatorSet) -> Result<(), VoteError> {
        let signer = self.signer;
        let member = set.get(signer).ok_or(VoteError::Signer { signer, size: set.len() })?;
        member
            .key
            .verify(&self.vote.signing_bytes(chain), &self.signature)
            .map_err(|source| VoteError::Signature { signer, source })
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.epoch, self.view)
    }
}

crate::decodable! { SignedVote: 192; }
