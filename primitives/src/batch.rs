//! Batch verification of signatures by ZIP-215, with a fallback that names the bad ones.
//!
//! A batch costs about a quarter of single verification per signature. When it fails, one signature at
//! least is bad: halves are then verified as batches of their own, down to a few items that are checked one by one.
//! So one bad signature among n costs about two batches more, not n single verifications.

use crate::key::{PublicKey, Signature, SignatureError};
use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;

/// Items below which a failed batch is not halved again: single checks then cost no more.
const SINGLES_MAX: usize = 16;

/// Signatures waiting to be verified together. Messages are hashed when queued and not kept.
#[derive(Default)]
pub struct Batch {
    items: Vec<(ed25519_zebra::batch::Item, bool)>,
}

/// The first signature of a batch that does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature {index} of the batch is bad")]
pub struct BadSignature {
    /// Position in the order of queueing.
    pub index: usize,
    /// Why it does not count.
    #[source]
    pub source: SignatureError,
}

impl Batch {
    /// An empty batch with room for `capacity` signatures.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { items: Vec::with_capacity(capacity) }
    }

    /// Queues one signature and returns its index.
    pub fn push(&mut self, key: &PublicKey, message: &[u8], signature: &Signature) -> usize {
        let index = self.items.len();
        let item = ed25519_zebra::batch::Item::from((
            ed25519_zebra::VerificationKeyBytes::from(key.0),
            ed25519_zebra::Signature::from(signature.0),
            message,
        ));
        self.items.push((item, key.is_small_order()));
        index
    }

    /// Number of signatures queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether every signature counts. One verdict for the whole batch.
    ///
    /// # Errors
    /// [`BadSignature`] with the first index that fails.
    pub fn verify(self) -> Result<(), BadSignature> {
        match self.verdicts().into_iter().enumerate().find_map(|(index, v)| v.err().map(|e| (index, e))) {
            Some((index, source)) => Err(BadSignature { index, source }),
            None => Ok(()),
        }
    }

    /// The verdict on each signature, in the order of queueing.
    #[must_use]
    pub fn verdicts(self) -> Vec<Result<(), SignatureError>> {
        let mut verdicts = Vec::with_capacity(self.items.len());
        judge(&self.items, &mut verdicts);
        verdicts
    }
}

/// Appends the verdict on each item. The depth is the logarithm of their number.
fn judge(items: &[(ed25519_zebra::batch::Item, bool)], verdicts: &mut Vec<Result<(), SignatureError>>) {
    if items.iter().all(|(_, small)| !small) && all_hold(items) {
        verdicts.extend(items.iter().map(|_| Ok(())));
    } else if items.len() <= SINGLES_MAX {
        verdicts.extend(items.iter().map(|(item, small)| match small {
            true => Err(SignatureError::SmallOrder),
            false => item.clone().verify_single().map_err(|_| SignatureError::Invalid),
        }));
    } else {
        let (left, right) = items.split_at(items.len() / 2);
        judge(left, verdicts);
        judge(right, verdicts);
    }
}

/// The batch equation. False also when the system has no entropy: then every item is checked alone.
fn all_hold(items: &[(ed25519_zebra::batch::Item, bool)]) -> bool {
    if items.len() < 2 {
        return items.is_empty(); // a batch of one costs more than a single check
    }
    let Ok(entropy) = Entropy::gather(items.len()) else { return false };
    let mut verifier = ed25519_zebra::batch::Verifier::new();
    for (item, _) in items {
        verifier.queue(item.clone());
    }
    verifier.verify(entropy).is_ok()
}

/// The batch coefficients: 16 bytes a signature, fetched from the operating system in one call.
struct Entropy {
    bytes: Vec<u8>,
    used: usize,
}

impl Entropy {
    const BYTES_PER_ITEM: usize = 16;

    #[expect(
        clippy::disallowed_methods,
        reason = "under ZIP-215 the coefficients cannot change a verdict, only hide it from a forger"
    )]
    fn gather(items: usize) -> Result<Self, getrandom::Error> {
        let mut bytes = vec![0; items.saturating_mul(Self::BYTES_PER_ITEM)];
        getrandom::fill(&mut bytes)?;
        Ok(Self { bytes, used: 0 })
    }
}

impl TryRng for Entropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let end = self.used.saturating_add(out.len());
        // Coefficients must never repeat or be guessable: running out is a bug in the sizing above.
        assert!(end <= self.bytes.len(), "the verifier draws {} bytes a signature", Self::BYTES_PER_ITEM);
        out.copy_from_slice(&self.bytes[self.used..end]);
        self.used = end;
        Ok(())
    }
}

impl TryCryptoRng for Entropy {}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
