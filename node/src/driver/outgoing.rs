//! Transactions that entered the network here, on their way to others.
//!
//! The first transaction of a quiet time is gossiped at once, those of a busy one are collected into batches. Whatever
//! still waits after a while is gossiped again: until then it was lost to nobody, or there was nobody to tell.

use std::collections::{BTreeSet, VecDeque};
use wattle_consensus::MonoMs;
use wattle_p2p::wire::{GOSSIP_TXS_MAX, Gossip};
use wattle_primitives::{BoundedVec, Hash, Tx};

/// Most bytes of transactions in one gossip message; leaves room for the framing.
const BATCH_BYTES_MAX: usize = 192 * 1024;
/// Shortest time between two batches.
const INTERVAL_MS: u64 = 3;
/// How long a transaction waits before it is gossiped again.
const AGAIN_MS: u64 = 30_000;
/// Most transactions that are gossiped again.
const AGAIN_MAX: usize = 16_384;

/// The batch being collected, and transactions to gossip again.
#[derive(Debug)]
pub(super) struct Outgoing {
    batch: Vec<Tx>,
    bytes: usize,
    flush_at: Option<MonoMs>,
    flushed: MonoMs,
    /// Ids of `again`.
    entered: BTreeSet<Hash>,
    /// Transactions by the time at which they are gossiped again.
    again: VecDeque<(MonoMs, Hash)>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            batch: Vec::new(),
            bytes: 0,
            flush_at: None,
            flushed: MonoMs(0),
            entered: BTreeSet::new(),
            again: VecDeque::new(),
        }
    }
}

impl Outgoing {
    /// When the collected transactions are due.
    #[must_use]
    pub(super) const fn flush_at(&self) -> Option<MonoMs> {
        self.flush_at
    }

    /// Whether a transaction that others have passed on should be passed on from here as well, since a client brought
    /// it: they may have lost it.
    #[must_use]
    pub(super) fn adopts(&self, id: &Hash) -> bool {
        self.again.len() < AGAIN_MAX && !self.entered.contains(id)
    }

    /// Collects a transaction of `bytes` bytes. Returns the batch before it when that is full.
    #[must_use]
    pub(super) fn collect(&mut self, tx: Tx, bytes: usize, now: MonoMs) -> Option<Gossip> {
        let full = self.batch.len() >= GOSSIP_TXS_MAX || self.bytes.saturating_add(bytes) > BATCH_BYTES_MAX;
        let before = if full { self.take(now) } else { None };
        if self.again.len() < AGAIN_MAX {
            self.again.push_back((now.after(AGAIN_MS), tx.id()));
            self.entered.insert(tx.id());
        }
        self.batch.push(tx);
        self.bytes = self.bytes.saturating_add(bytes);
        self.flush_at.get_or_insert(self.flushed.after(INTERVAL_MS));
        before
    }

    /// The collected transactions, once they are due.
    #[must_use]
    pub(super) fn due(&mut self, now: MonoMs) -> Option<Gossip> {
        if self.flush_at.is_some_and(|at| now >= at) { self.take(now) } else { None }
    }

    /// A transaction that is due to be gossiped again, if it still waits.
    #[must_use]
    pub(super) fn due_again(&mut self, now: MonoMs) -> Option<Hash> {
        self.again.front().filter(|(due, _)| *due <= now)?;
        let (_, id) = self.again.pop_front()?;
        self.entered.remove(&id);
        Some(id)
    }

    fn take(&mut self, now: MonoMs) -> Option<Gossip> {
        self.flush_at = None;
        self.flushed = now;
        self.bytes = 0;
        let txs = BoundedVec::new(std::mem::take(&mut self.batch)).ok()?;
        (!txs.is_empty()).then_some(Gossip::Txs(txs))
    }
}
