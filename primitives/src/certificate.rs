//! Certificates: one vote, signed by a quorum.

use crate::batch::Batch;
use crate::key::SignatureError;
use crate::validator::VALIDATORS_MAX;
use crate::{
    BoundedBytes, BoundedVec, Hash, Round, Signature, SignedVote, ValidatorIndex, ValidatorSet, Vote,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

const BITMAP_BYTES_MAX: usize = VALIDATORS_MAX / 8;

/// A quorum's signatures on one vote: a notarization, nullification or finalization by the vote's kind.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificate {
    /// The one vote that all signers cast.
    pub vote: Vote,
    /// Bit `i` (least significant first) is set when validator `i` signed; exactly `ceil(n / 8)` bytes.
    pub signers: BoundedBytes<BITMAP_BYTES_MAX>,
    /// One signature for each set bit, in order.
    pub signatures: BoundedVec<Signature, VALIDATORS_MAX>,
}

/// Why a certificate proves nothing. The peer that sent it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The bitmap is not of the set's size, or a bit beyond the set is on.
    #[error("signer bitmap does not fit a set of {size}")]
    Bitmap {
        /// Size of the set.
        size: usize,
    },
    /// Not one signature for each signer.
    #[error("{signatures} signatures for {signers} signers")]
    Count {
        /// Set bits.
        signers: usize,
        /// Signatures given.
        signatures: usize,
    },
    /// The signers' power is no quorum.
    #[error("power {got} is below the quorum of {quorum}")]
    Quorum {
        /// Power of the signers.
        got: u64,
        /// Power needed.
        quorum: u64,
    },
    /// A signature is not the signer's.
    #[error("signature of validator {signer}")]
    Signature {
        /// The first signer whose signature fails.
        signer: ValidatorIndex,
        /// Why it does not verify.
        #[source]
        source: SignatureError,
    },
}

impl Certificate {
    /// Joins votes on the same thing into a certificate. Votes of one signer count once; others than `vote` are left
    /// out.
    ///
    /// Signatures are taken as verified. Returns `None` when the power is no quorum of `set`.
    #[must_use]
    pub fn assemble<'a>(
        vote: Vote,
        votes: impl IntoIterator<Item = &'a SignedVote>,
        set: &ValidatorSet,
    ) -> Option<Self> {
        let mut by_signer = std::collections::BTreeMap::new();
        let mut power = 0u64;
        for signed in votes {
            let fits = signed.vote == vote
                || crate::planted!("certificate-mixes-votes", signed.vote.round() == vote.round());
            if let Some(member) = set.get(signed.signer).filter(|_| fits) {
                let again = by_signer.contains_key(&signed.signer);
                by_signer.entry(signed.signer).or_insert(signed.signature);
                if !again || crate::planted!("duplicate-signer-counted") {
                    power = power.saturating_add(member.power.0);
                }
            }
        }
        if power < set.quorum().0 {
            return None;
        }
        let mut bitmap = vec![0u8; set.len().div_ceil(8)];
        for signer in by_signer.keys() {
            if let Some(byte) = bitmap.get_mut(usize::from(signer.0 >> 3)) {
                *byte |= 1 << (signer.0 & 7);
            }
        }
        Some(Self {
            vote,
            signers: BoundedBytes::new(bitmap).ok()?,
            signatures: BoundedVec::new(by_signer.into_values().collect()).ok()?,
        })
    }

    /// The round it is about.
    #[must_use]
    pub const fn round(&self) -> Round {
        self.vote.round()
    }

    /// The signers, in order. Bits beyond `u16` cannot occur: the bitmap is bounded.
    pub fn signers(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        (0u16..).zip(self.signers.iter()).flat_map(|(at, byte)| {
            (0..8u16).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| ValidatorIndex(at << 3 | bit))
        })
    }

    /// The votes it is made of.
    pub fn votes(&self) -> impl Iterator<Item = SignedVote> + '_ {
        let vote = self.vote;
        self.signers().zip(self.signatures.iter()).map(move |(signer, signature)| SignedVote {
            vote,
            signer,
            signature: *signature,
        })
    }

    /// Checks shape, quorum and every signature against the set of its epoch.
    ///
    /// # Errors
    /// [`CertificateError`]; the peer that sent it pays.
    pub fn verify(&self, chain: &Hash, set: &ValidatorSet) -> Result<(), CertificateError> {
        self.verify_beside(chain, set, |_| false)
    }

    /// As [`Self::verify`], but for the signatures of votes that `known` says were verified before, bit for bit: a
    /// validator holds most votes of a certificate by the time it comes.
    ///
    /// # Errors
    /// [`CertificateError`]; the peer that sent it pays.
    pub fn verify_beside(
        &self,
        chain: &Hash,
        set: &ValidatorSet,
        known: impl Fn(&SignedVote) -> bool,
    ) -> Result<(), CertificateError> {
        let size = set.len();
        if self.signers.len() != size.div_ceil(8) {
            return Err(CertificateError::Bitmap { size });
        }
        let (mut count, mut power) = (0usize, 0u64);
        for signer in self.signers() {
            let member = set.get(signer).ok_or(CertificateError::Bitmap { size })?;
            count = count.saturating_add(1);
            power = power.saturating_add(member.power.0);
        }
        if count != self.signatures.len() {
            return Err(CertificateError::Count { signers: count, signatures: self.signatures.len() });
        }
        if power < set.quorum().0 && !crate::planted!("certificate-below-quorum") {
            return Err(CertificateError::Quorum { got: power, quorum: set.quorum().0 });
        }
        self.verify_signatures(chain, set, known)
    }

    fn verify_signatures(
        &self,
        chain: &Hash,
        set: &ValidatorSet,
        known: impl Fn(&SignedVote) -> bool,
    ) -> Result<(), CertificateError> {
        let message = self.vote.signing_bytes(chain);
        let fresh: Vec<SignedVote> = self.votes().filter(|vote| !known(vote)).collect();
        let mut batch = Batch::with_capacity(fresh.len());
        for vote in &fresh {
            let member = set.get(vote.signer).ok_or(CertificateError::Bitmap { size: set.len() })?;
            batch.push(&member.key, &message, &vote.signature);
        }
        batch.verify().map_err(|bad| CertificateError::Signature {
            signer: fresh.get(bad.index).map_or(ValidatorIndex(u16::MAX), |vote| vote.signer),
            source: bad.source,
        })
    }
}

crate::decodable! { Certificate: 256 + BITMAP_BYTES_MAX + VALIDATORS_MAX * 64; }
