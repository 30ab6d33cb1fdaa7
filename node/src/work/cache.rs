//! Transactions whose signatures were verified here before.
//!
//! A transaction is verified when it enters the mempool; when it comes back in a block, its signatures need not be
//! verified again. An id does not cover the signatures, the leaf does: so the leaf is what is looked up.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use wattle_primitives::Hash;
use wattle_primitives::planted;
use wattle_runtime::{CheckedTx, VerifiedTx};

/// Most bytes of encoded transactions remembered: dozens of full blocks, and no more than a small machine can spare.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// A bounded memory of verified transactions; the oldest go first. Shared by a node's workers.
#[derive(Debug, Default)]
pub struct TxCache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_leaf: HashMap<Hash, VerifiedTx>,
    order: VecDeque<Hash>,
    bytes: usize,
}

impl TxCache {
    /// The verified form of a transaction with exactly these bytes.
    #[must_use]
    pub fn get(&self, tx: &CheckedTx) -> Option<VerifiedTx> {
        let inner = self.lock();
        if planted!("tx-signatures-unbound", !inner.by_leaf.contains_key(&tx.leaf())) {
            return inner.by_leaf.values().find(|known| known.id() == tx.id()).cloned();
        }
        inner.by_leaf.get(&tx.leaf()).cloned()
    }

    /// Remembers a transaction.
    pub fn insert(&self, tx: VerifiedTx) {
        let mut inner = self.lock();
        let (leaf, bytes) = (tx.leaf(), tx.encoded_len());
        if inner.by_leaf.insert(leaf, tx).is_none() {
            inner.order.push_back(leaf);
            inner.bytes = inner.bytes.saturating_add(bytes);
        }
        while inner.bytes > BYTES_MAX {
            let Some(oldest) = inner.order.pop_front() else { break };
            if let Some(tx) = inner.by_leaf.remove(&oldest) {
                inner.bytes = inner.bytes.saturating_sub(tx.encoded_len());
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Every change leaves the cache consistent, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
