//! The waiting transactions of one (sender, lane), by nonce.

use super::Pooled;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use wattle_primitives::{Amount, Nonce};

/// Place among the ready: highest tip first, then first come first served. Unique, since arrivals are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) tip: Reverse<Amount>,
    pub(super) arrival: u64,
}

#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) tx: T,
    pub(super) arrival: u64,
}

#[derive(Debug)]
pub(super) struct Queue<T> {
    entries: BTreeMap<Nonce, Entry<T>>,
    /// The best rank of any entry: nothing that this queue offers can come before it.
    best: Option<Rank>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), best: None }
    }
}

impl<T: Pooled> Entry<T> {
    pub(super) fn rank(&self) -> Rank {
        Rank { tip: Reverse(self.tx.tip()), arrival: self.arrival }
    }
}

impl<T: Pooled> Queue<T> {
    pub(super) fn get(&self, nonce: Nonce) -> Option<&Entry<T>> {
        self.entries.get(&nonce)
    }

    pub(super) fn best(&self) -> Option<Rank> {
        self.best
    }

    /// The entries from the highest nonce down.
    pub(super) fn iter_back(&self) -> impl Iterator<Item = &Entry<T>> {
        self.entries.values().rev()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.entries.values()
    }

    /// Takes out what has a nonce below `next`, lowest first.
    pub(super) fn take_below(&mut self, next: Nonce) -> Vec<Entry<T>> {
        let rest = self.entries.split_off(&next);
        let below = std::mem::replace(&mut self.entries, rest);
        if !below.is_empty() {
            self.best = self.entries.values().map(Entry::rank).min();
        }
        below.into_values().collect()
    }

    pub(super) fn put(&mut self, entry: Entry<T>) {
        let rank = entry.rank();
        self.best = Some(self.best.map_or(rank, |best| best.min(rank)));
        self.entries.insert(entry.tx.nonce(), entry);
    }

    pub(super) fn take(&mut self, nonce: Nonce) -> Option<Entry<T>> {
        let entry = self.entries.remove(&nonce)?;
        if self.best == Some(entry.rank()) {
            self.best = self.entries.values().map(Entry::rank).min();
        }
        Some(entry)
    }
}
