//! Ready transactions, best first, without touching the pool.

use super::pool::Mempool;
use super::queue::Rank;
use super::{LaneKey, Pooled};
use std::collections::{BTreeSet, btree_set};
use std::iter::Peekable;
use wattle_primitives::{Nonce, TimeMs};

/// Always the dearest transaction whose nonce is next, given those already yielded; see [`Mempool::ready`].
///
/// Queues are opened as late as their best transaction allows, so taking a few is cheap however many wait.
#[derive(Debug)]
pub struct Ready<'a, T, F> {
    pool: &'a Mempool<T>,
    closed: Peekable<btree_set::Iter<'a, (Rank, LaneKey)>>,
    open: BTreeSet<(Rank, LaneKey, Nonce)>,
    next_nonce: F,
    time: TimeMs,
}

impl<T: Pooled> Mempool<T> {
    /// Ready transactions for a block on a given parent: always the dearest whose nonce is next, ties by arrival.
    ///
    /// - `next_nonce`: next nonce in the state after the parent, so that what unfinalized ancestors hold is skipped.
    /// - `time`: time of the block; what expires by then is left out, and what follows it in its queue.
    pub fn ready<F: FnMut(&LaneKey) -> Nonce>(&self, next_nonce: F, time: TimeMs) -> Ready<'_, T, F> {
        Ready { pool: self, closed: self.best.iter().peekable(), open: BTreeSet::new(), next_nonce, time }
    }
}

impl<T: Pooled, F: FnMut(&LaneKey) -> Nonce> Ready<'_, T, F> {
    fn offer(&mut self, key: LaneKey, nonce: Nonce) {
        if let Some(entry) = self.pool.entry(&key, nonce).filter(|e| self.time < e.tx.expires_ms()) {
            self.open.insert((entry.rank(), key, nonce));
        }
    }
}

impl<'a, T: Pooled, F: FnMut(&LaneKey) -> Nonce> Iterator for Ready<'a, T, F> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            let bound = self.closed.peek().map(|(rank, _)| *rank);
            let best = self.open.first().map(|(rank, _, _)| *rank);
            match (best, bound) {
                (Some(best), bound) if bound.is_none_or(|bound| best <= bound) => {
                    let (_, key, nonce) = self.open.pop_first()?;
                    self.offer(key, nonce.next());
                    return self.pool.entry(&key, nonce).map(|entry| &entry.tx);
                }
                (_, Some(_)) => {
                    let (_, key) = self.closed.next()?;
                    let nonce = (self.next_nonce)(key);
                    self.offer(*key, nonce);
                }
                (_, None) => return None,
            }
        }
    }
}
