//! Fates of transactions that are not in the database: included in a certified block, at their end, or let go by this node.

use super::tree::Tree;
use super::{Fate, FinalBlock};
use crate::work::VerifiedBlock;
use std::collections::{HashMap, VecDeque};
use wattle_primitives::{Hash, Height};

/// Most transactions whose end is remembered.
const ENDS_MAX: usize = 16_384;

/// Fates by transaction id.
#[derive(Debug, Default)]
pub(super) struct Fates {
    /// Transactions of certified blocks that are not in the database yet.
    included: HashMap<Hash, Height>,
    /// How transactions ended that wait here no more; the oldest are forgotten.
    ends: HashMap<Hash, Fate>,
    order: VecDeque<Hash>,
}

impl Fates {
    /// Where a transaction stands that is in no block, unless it waits.
    #[must_use]
    pub(super) fn end(&self, id: &Hash) -> Fate {
        self.ends.get(id).cloned().unwrap_or(Fate::Unknown)
    }

    /// Height of the certified block that holds a transaction.
    #[must_use]
    pub(super) fn included_at(&self, id: &Hash) -> Option<Height> {
        self.included.get(id).copied()
    }

    /// A transaction waits here no more.
    pub(super) fn ended(&mut self, id: Hash, fate: Fate) {
        if self.ends.insert(id, fate).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > ENDS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.ends.remove(&oldest);
            }
        }
    }

    /// A block was certified: its transactions count as included.
    pub(super) fn certified(&mut self, block: &VerifiedBlock) {
        self.included.extend(block.txs.iter().map(|tx| (tx.id(), block.header().height)));
    }

    /// A block was finalized, whatever this node thought of its transactions.
    pub(super) fn finalized(&mut self, block: &VerifiedBlock) {
        self.certified(block);
        for tx in &block.txs {
            self.ends.remove(&tx.id());
        }
    }

    /// A block is in the database: readers find its transactions there.
    pub(super) fn committed(&mut self, block: &VerifiedBlock) {
        for tx in &block.txs {
            self.included.remove(&tx.id());
        }
    }

    /// Transactions of certified blocks that will never be final are no longer included.
    pub(super) fn forget_dropped(&mut self, tree: &Tree, backlog: &VecDeque<FinalBlock>) {
        let finalized = tree.height();
        let oldest = backlog.front().map_or(finalized, |c| c.block.header().height);
        if self.included.values().all(|h| *h <= finalized && *h >= oldest) {
            return;
        }
        let mut known = Self::default();
        backlog.iter().for_each(|item| known.certified(&item.block));
        tree.iter().filter(|(_, e)| e.certified).for_each(|(_, entry)| known.certified(&entry.block));
        self.included.retain(|id, height| *height == finalized || known.included.contains_key(id));
    }
}
