//! The stages a transaction goes through before it meets a state.

use super::TxError;
use crate::modules::{Action, SigSink, identity, weights};
use std::sync::Arc;
use wattle_primitives::batch::Batch;
use wattle_primitives::key::SignatureError;
use wattle_primitives::tx::{LANES_MAX, TX_BYTES_MAX, auth_bytes};
use wattle_primitives::{Amount, Hash, Params, PublicKey, Signature, Tx, TxBody, Weight, domain};

/// Bytes of an encoded auth: key and signature.
const AUTH_BYTES: usize = 96;
/// Bytes of a list's length.
const LENGTH_BYTES: usize = 4;

/// A transaction whose form is right. Nothing is known of its signatures.
#[derive(Clone, Debug)]
pub struct CheckedTx {
    pub(super) tx: Tx,
    pub(super) id: Hash,
    pub(super) leaf: Hash,
    pub(super) encoded_len: usize,
    pub(super) weight: Weight,
}

/// A transaction with valid signatures. Cheap to clone.
#[derive(Clone, Debug)]
pub struct VerifiedTx(pub(super) Arc<Verified>);

#[derive(Debug)]
pub(super) struct Verified {
    pub(super) checked: CheckedTx,
    /// One verdict for each embedded signature, in order.
    pub(super) verdicts: Vec<bool>,
}

impl CheckedTx {
    /// Checks everything that needs no state and no cryptography.
    ///
    /// # Errors
    /// A [`TxError`]; see [`TxError::is_stateless`] for who is at fault.
    pub fn check(tx: Tx, chain: &Hash, params: &Params) -> Result<Self, TxError> {
        let encoded = wattle_primitives::encode(&tx);
        let encoded_len = encoded.len();
        if encoded_len > TX_BYTES_MAX {
            return Err(TxError::TooLarge { max: TX_BYTES_MAX, got: encoded_len });
        }
        let auths = tx.auths();
        if auths.is_empty() || auths.windows(2).any(|pair| pair[0].key >= pair[1].key) {
            return Err(TxError::Auths);
        }
        check_body(tx.body(), chain)?;
        let weight = weight_of(tx.body(), encoded_len, auths.len());
        check_weight(weight, params)?;
        // The encoding starts with version and body, which is exactly what the id covers.
        let tail = auths.len().saturating_mul(AUTH_BYTES).saturating_add(LENGTH_BYTES);
        let body = encoded.get(..encoded_len.saturating_sub(tail)).unwrap_or(&encoded);
        let id = Hash::of(domain::TX, &[body]);
        let leaf = Hash::of(domain::TX_LEAF, &[&encoded]);
        Ok(Self { tx, id, leaf, encoded_len, weight })
    }

    /// The transaction.
    #[must_use]
    pub const fn tx(&self) -> &Tx {
        &self.tx
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> Hash {
        self.id
    }

    /// Its leaf under `txs_root`.
    #[must_use]
    pub const fn leaf(&self) -> Hash {
        self.leaf
    }

    /// Bytes of its encoding.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.encoded_len
    }

    /// The most weight that running it may take.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        self.weight
    }
}

impl VerifiedTx {
    /// The verdicts on the signatures inside its calls, in order.
    #[must_use]
    pub fn verdicts(&self) -> &[bool] {
        &self.0.verdicts
    }
}

impl std::ops::Deref for VerifiedTx {
    type Target = CheckedTx;
    fn deref(&self) -> &CheckedTx {
        &self.0.checked
    }
}

/// Verifies the signatures of many transactions in one batch, and says of each what came of it, in order.
///
/// A bad auth condemns its transaction; a bad signature inside a call does not, it is only noted.
#[must_use]
pub fn verify_all(txs: Vec<CheckedTx>) -> Vec<Result<VerifiedTx, TxError>> {
    let mut auths = Batch::with_capacity(txs.len());
    // Apart from the auths: a bad signature inside a call is nobody's fault who relays it, and must not make the
    // whole batch of auths fall back to single verification.
    let mut embedded = Embedded::default();
    let mut counts = Vec::with_capacity(txs.len());
    for checked in &txs {
        let (body, id) = (checked.tx.body(), checked.id);
        let message = auth_bytes(&body.chain, &id);
        for auth in checked.tx.auths() {
            auths.push(&auth.key, &message, &auth.signature);
        }
        counts.push(embedded.collect(body));
    }
    let mut auths = auths.verdicts().into_iter();
    let mut embedded = embedded.verdicts();
    txs.into_iter()
        .zip(counts)
        .map(|(checked, count)| {
            let own: Vec<_> = auths.by_ref().take(checked.tx.auths().len()).collect();
            let verdicts = embedded.by_ref().take(count).collect();
            let bad =
                checked.tx.auths().iter().zip(own).find_map(|(a, v)| v.err().map(|source| (a.key, source)));
            match bad {
                Some((key, source)) => Err(TxError::Signature { key, source }),
                None => Ok(VerifiedTx(Arc::new(Verified { checked, verdicts }))),
            }
        })
        .collect()
}

/// Signatures inside calls, on their way through a batch.
#[derive(Default)]
struct Embedded {
    batch: Batch,
    count: usize,
}

impl SigSink for Embedded {
    fn push(&mut self, key: &PublicKey, message: &[u8], signature: &Signature) {
        self.batch.push(key, message, signature);
        self.count = self.count.saturating_add(1);
    }
}

impl Embedded {
    /// Takes the signatures inside a body's calls, and says how many they are.
    fn collect(&mut self, body: &TxBody) -> usize {
        let before = self.count;
        body.calls.iter().for_each(|call| call.signatures(&body.chain, self));
        self.count.saturating_sub(before)
    }

    fn verdicts(self) -> impl Iterator<Item = bool> {
        self.batch.verdicts().into_iter().map(|verdict: Result<(), SignatureError>| verdict.is_ok())
    }
}

/// The verdicts on the signatures inside a body's calls.
pub(super) fn embedded_verdicts(body: &TxBody) -> Vec<bool> {
    let mut embedded = Embedded::default();
    embedded.collect(body);
    embedded.verdicts().collect()
}

/// Checks a body alone.
pub(super) fn check_body(body: &TxBody, chain: &Hash) -> Result<(), TxError> {
    if body.chain != *chain {
        return Err(TxError::WrongChain);
    }
    if body.lane.0 >= LANES_MAX {
        return Err(TxError::Lane { lane: body.lane });
    }
    if body.calls.is_empty() {
        return Err(TxError::NoCalls);
    }
    for (index, call) in (0u8..).zip(body.calls.iter()) {
        call.check().map_err(|reason| TxError::Call { index, reason })?;
    }
    Ok(())
}

/// Checks that there is room for `weight` somewhere.
pub(super) fn check_weight(weight: Weight, params: &Params) -> Result<(), TxError> {
    let max = params.block_weight_max.min(params.bandwidth_capacity);
    if weight > max { Err(TxError::TooHeavy { weight, max }) } else { Ok(()) }
}

/// The weight of a body with `auths` signatures: known before it runs, and charged whatever happens.
#[must_use]
pub fn weigh(body: &TxBody, auths: usize) -> Weight {
    let version = 1usize;
    let tail = auths.saturating_mul(AUTH_BYTES).saturating_add(LENGTH_BYTES);
    let bytes = wattle_primitives::encode(body).len();
    weight_of(body, version.saturating_add(bytes).saturating_add(tail), auths)
}

fn weight_of(body: &TxBody, encoded_len: usize, auths: usize) -> Weight {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let own = weights::TX
        .saturating_add(weights::SIGNATURE.saturating_mul(count(auths)))
        .saturating_add(count(encoded_len).div_ceil(weights::BYTES));
    let granted = body.grant.map_or(Weight::ZERO, |_| identity::grant_weight(body.calls.len()));
    body.calls.iter().map(Action::weight).fold(Weight(own).saturating_add(granted), Weight::saturating_add)
}

/// Fee for `weight`, tip included, native base units; saturates.
#[must_use]
pub fn fee_of(params: &Params, weight: Weight, tip: Amount) -> Amount {
    Amount(params.weight_price.0.saturating_mul(u128::from(weight.0)).saturating_add(tip.0))
}

/// The transactions' root: `txs_root` in the header over them.
#[must_use]
pub fn txs_root(txs: &[VerifiedTx]) -> Hash {
    wattle_primitives::merkle::list_root(&txs.iter().map(|tx| tx.leaf()).collect::<Vec<_>>())
}
