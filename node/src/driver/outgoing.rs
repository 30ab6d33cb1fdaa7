//! Transactions that entered the network here, on their way to others.
//!
//! The first transaction of a quiet time is gossiped at once, those of a busy one are collected into batches. Whatever
//! still waits after a few seconds is handed to validators by request, each time to another, and after a while it is
//! gossiped again: until then it was lost to nobody, or there was nobody to tell.

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
/// How long a transaction waits before a validator gets it by request, and then the next one.
const REQUEST_MS: u64 = 4_000;
/// Most transactions that are gossiped again, or handed on by request.
const AGAIN_MAX: usize = 16_384;

/// The batch being collected, and transactions to pass on again.
#[derive(Debug)]
pub(super) struct Outgoing {
    batch: Vec<Tx>,
    bytes: usize,
    flush_at: Option<MonoMs>,
    flushed: MonoMs,
    /// Transactions to gossip again.
    again: Later,
    /// Transactions to hand to a validator by request.
    by_request: Later,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            batch: Vec::new(),
            bytes: 0,
            flush_at: None,
            flushed: MonoMs(0),
            again: Later::default(),
            by_request: Later::default(),
        }
    }
}

/// Transactions by the time at which something is due for each, with how often it was done before. All wait equally
/// long, and each is here once.
#[derive(Debug, Default)]
struct Later {
    ids: BTreeSet<Hash>,
    queue: VecDeque<(MonoMs, Hash, usize)>,
}

impl Later {
    fn has_room_for(&self, id: &Hash) -> bool {
        self.queue.len() < AGAIN_MAX && !self.ids.contains(id)
    }

    fn push(&mut self, id: Hash, at: MonoMs, done: usize) {
        if self.has_room_for(&id) {
            self.ids.insert(id);
            self.queue.push_back((at, id, done));
        }
    }

    fn pop(&mut self, now: MonoMs) -> Option<(Hash, usize)> {
        self.queue.front().filter(|(due, ..)| *due <= now)?;
        let (_, id, done) = self.queue.pop_front()?;
        self.ids.remove(&id);
        Some((id, done))
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
        self.again.has_room_for(id)
    }

    /// Collects a transaction of `bytes` bytes. Returns the batch before it when that is full.
    #[must_use]
    pub(super) fn collect(&mut self, tx: Tx, bytes: usize, now: MonoMs) -> Option<Gossip> {
        let full = self.batch.len() >= GOSSIP_TXS_MAX || self.bytes.saturating_add(bytes) > BATCH_BYTES_MAX;
        let before = if full { self.take(now) } else { None };
        self.again.push(tx.id(), now.after(AGAIN_MS), 0);
        self.by_request.push(tx.id(), now.after(REQUEST_MS), 0);
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
        self.again.pop(now).map(|(id, _)| id)
    }

    /// A transaction that a validator is to get by request now, if it still waits, and how many got it before.
    #[must_use]
    pub(super) fn due_by_request(&mut self, now: MonoMs) -> Option<(Hash, usize)> {
        self.by_request.pop(now)
    }

    /// A transaction was handed to so many validators by request; the next one gets it later.
    pub(super) fn handed_on(&mut self, id: Hash, times: usize, now: MonoMs) {
        self.by_request.push(id, now.after(REQUEST_MS), times);
    }

    fn take(&mut self, now: MonoMs) -> Option<Gossip> {
        self.flush_at = None;
        self.flushed = now;
        self.bytes = 0;
        let txs = BoundedVec::new(std::mem::take(&mut self.batch)).ok()?;
        (!txs.is_empty()).then_some(Gossip::Txs(txs))
    }
}
