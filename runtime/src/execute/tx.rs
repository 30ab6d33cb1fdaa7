//! The stages a transaction goes through before it meets a state.

use super::TxError;
use std::sync::Arc;
use wattle_primitives::{Amount, Hash, Params, Tx, TxBody, Weight};

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
    pub fn check(_tx: Tx, _chain: &Hash, _params: &Params) -> Result<Self, TxError> {
        unimplemented!()
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

    /// What it may cost to run at most.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        self.weight
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
pub fn verify_all(_txs: Vec<CheckedTx>) -> Vec<Result<VerifiedTx, TxError>> {
    unimplemented!()
}

/// The weight of a body with `auths` signatures.
#[must_use]
pub fn weigh(_body: &TxBody, _auths: usize) -> Weight {
    unimplemented!()
}

/// What `weight` costs, tip included; saturates.
#[must_use]
pub fn fee_of(_params: &Params, _weight: Weight, _tip: Amount) -> Amount {
    unimplemented!()
}

/// What a header over these transactions carries as `txs_root`.
#[must_use]
pub fn txs_root(txs: &[VerifiedTx]) -> Hash {
    wattle_primitives::merkle::list_root(&txs.iter().map(|tx| tx.leaf()).collect::<Vec<_>>())
}
