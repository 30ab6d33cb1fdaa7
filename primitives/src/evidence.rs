//! Proof that a validator broke the rules: two votes of its own that no honest validator signs both.
//!
//! # What is no offence
//! Notarize and nullify in one view: a validator that voted for a block may still give the view up. A notarize for
//! one block and a finalize for another in one view: a validator that voted for a rival accepts the quorum's block.

use crate::vote::VoteError;
use crate::{Epoch, Hash, PublicKey, SignedVote, ValidatorIndex, ValidatorSet, Vote};
use borsh::{BorshDeserialize, BorshSerialize};

/// Two conflicting votes of one validator. The lesser vote comes first, so that equal offences encode equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Evidence {
    /// The lesser vote.
    pub first: SignedVote,
    /// The greater vote.
    pub second: SignedVote,
}

/// The kinds of offence that two votes prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EvidenceKind {
    /// Two notarize votes.
    Notarizes = 0,
    /// Two finalize votes.
    Finalizes = 1,
    /// A nullify and a finalize vote.
    NullifyAndFinalize = 2,
}

/// Evidence with the key of whom it is against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Accusation {
    /// Whose votes these are.
    pub validator: PublicKey,
    /// The votes.
    pub evidence: Evidence,
}

/// The offence that one accusation is kept of: a validator's first of a kind in an epoch. Ordered by both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccusationId {
    /// The validator.
    pub validator: PublicKey,
    /// Epoch of the votes.
    pub epoch: Epoch,
    /// Kind of the offence.
    pub kind: EvidenceKind,
}

impl Accusation {
    /// The offence that it is kept of.
    #[must_use]
    pub const fn id(&self) -> AccusationId {
        let Self { validator, evidence } = self;
        AccusationId {
            validator: *validator,
            epoch: evidence.first.vote.round().epoch,
            kind: evidence.kind(),
        }
    }
}

/// Why two votes prove nothing. Whoever reported them pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Two signers.
    #[error("votes of validators {first} and {second}, not of one")]
    Signers {
        /// Signer of the first vote.
        first: ValidatorIndex,
        /// Signer of the second vote.
        second: ValidatorIndex,
    },
    /// An honest validator may sign both, or they are not in order.
    #[error("the votes do not conflict")]
    NoConflict,
    /// A signature or signer does not count.
    #[error("a vote does not verify")]
    Vote(#[source] VoteError),
}

/// Whether no honest validator signs both.
const fn conflict(first: &Vote, second: &Vote) -> bool {
    match (first, second) {
        (Vote::Notarize(_), Vote::Notarize(_))
        | (Vote::Finalize(_), Vote::Finalize(_))
        | (Vote::Nullify(_), Vote::Finalize(_))
        | (Vote::Finalize(_), Vote::Nullify(_)) => true,
        (Vote::Nullify(_), Vote::Nullify(_))
        | (Vote::Notarize(_), Vote::Nullify(_) | Vote::Finalize(_))
        | (Vote::Nullify(_) | Vote::Finalize(_), Vote::Notarize(_)) => false,
    }
}

impl Evidence {
    /// Rule 10. The evidence in two votes of one signer, or `None` when they do not conflict.
    #[must_use]
    pub fn of(a: &SignedVote, b: &SignedVote) -> Option<Self> {
        let same = a.signer == b.signer && a.vote.round() == b.vote.round();
        if !same || a.vote == b.vote || !conflict(&a.vote, &b.vote) {
            return None;
        }
        let (first, second) = if a.vote < b.vote { (*a, *b) } else { (*b, *a) };
        Some(Self { first, second })
    }

    /// Who broke the rules.
    #[must_use]
    pub const fn culprit(&self) -> ValidatorIndex {
        self.first.signer
    }

    /// The kind of offence.
    #[must_use]
    pub const fn kind(&self) -> EvidenceKind {
        match (&self.first.vote, &self.second.vote) {
            (Vote::Nullify(_), _) | (_, Vote::Nullify(_)) => EvidenceKind::NullifyAndFinalize,
            (Vote::Finalize(_), Vote::Notarize(_) | Vote::Finalize(_)) => EvidenceKind::Finalizes,
            (Vote::Notarize(_), Vote::Notarize(_) | Vote::Finalize(_)) => EvidenceKind::Notarizes,
        }
    }

    /// Checks conflict and signatures against the set of the votes' epoch.
    ///
    /// # Errors
    /// [`EvidenceError`]; the reporter pays.
    pub fn verify(&self, chain: &Hash, set: &ValidatorSet) -> Result<(), EvidenceError> {
        let Self { first, second } = self;
        if first.signer != second.signer {
            return Err(EvidenceError::Signers { first: first.signer, second: second.signer });
        }
        if Self::of(first, second) != Some(*self) {
            return Err(EvidenceError::NoConflict);
        }
        first.verify(chain, set).and_then(|()| second.verify(chain, set)).map_err(EvidenceError::Vote)
    }
}

crate::decodable! { Evidence: 384; Accusation: 32 + 384; }
