//! Transactions whose signatures were verified here before.
//!
//! A transaction is verified when it enters the mempool; when it comes back in a block, its signatures need not be
//! verified again. An id does not cover the signatures, the leaf does: so the leaf is what is looked up.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use wattle_primitives::Hash;
use wattle_runtime::{CheckedTx, VerifiedTx};

/// Most transactions remembered: three full blocks of the smallest.
const TXS_MAX: usize = 65_536;

/// A bounded memory of verified transactions; the oldest go first. Shared by a node's workers.
#[derive(Debug, Default)]
pub struct TxCache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_leaf: HashMap<Hash, VerifiedTx>,
    order: VecDeque<Hash>,
}

impl TxCache {
    /// The verified form of a transaction with exactly these bytes.
    #[must_use]
    pub fn get(&self, tx: &CheckedTx) -> Option<VerifiedTx> {
        self.lock().by_leaf.get(&tx.leaf()).cloned()
    }

    /// Remembers a transaction.
    pub fn insert(&self, tx: VerifiedTx) {
        let mut inner = self.lock();
        let leaf = tx.leaf();
        if inner.by_leaf.insert(leaf, tx).is_none() {
            inner.order.push_back(leaf);
        }
        while inner.order.len() > TXS_MAX {
            if let Some(oldest) = inner.order.pop_front() {
                inner.by_leaf.remove(&oldest);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Every change leaves the cache consistent, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
