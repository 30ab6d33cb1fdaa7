//! The pool and its indexes.

use super::queue::{Entry, Queue, Rank};
use super::recent::RecentIds;
use super::{InsertError, Inserted, LaneKey, Limits, Pooled, Pruned, Stats};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use wattle_primitives::{Address, Amount, Hash, Lane, Nonce, TimeMs};

/// Most transactions that one insertion pushes out: a large one must not sweep away hundreds of small ones.
const EVICTIONS_MAX: usize = 64;
/// A replacement pays at least this part more: a tenth.
const REPLACEMENT_DIVISOR: u128 = 10;

/// See the module above.
#[derive(Debug)]
pub struct Mempool<T> {
    limits: Limits,
    queues: BTreeMap<LaneKey, Queue<T>>,
    ids: HashMap<Hash, (LaneKey, Nonce)>,
    accounts: HashMap<Address, Usage>,
    /// Queues by the best rank in them.
    pub(super) best: BTreeSet<(Rank, LaneKey)>,
    /// Queues by what their last transaction is worth, first to be evicted first.
    tails: BTreeSet<(Worth, LaneKey)>,
    expiries: BTreeSet<(TimeMs, Hash)>,
    usage: Usage,
    arrivals: u64,
    /// The queue after which the next recheck goes on.
    rechecked: Option<LaneKey>,
    finalized: RecentIds,
    rejected: RecentIds,
}

/// Order of eviction: lowest tip first, then the latest arrival.
type Worth = (Amount, Reverse<u64>);

#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    count: usize,
    bytes: usize,
}

impl Usage {
    const fn add(&mut self, bytes: usize) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    const fn sub(&mut self, bytes: usize) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    const fn exceeds(&self, count: usize, bytes: usize) -> bool {
        self.count > count || self.bytes > bytes
    }
}

impl<T: Pooled> Mempool<T> {
    /// An empty pool.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: BTreeMap::new(),
            ids: HashMap::new(),
            accounts: HashMap::new(),
            best: BTreeSet::new(),
            tails: BTreeSet::new(),
            expiries: BTreeSet::new(),
            usage: Usage::default(),
            arrivals: 0,
            rechecked: None,
            finalized: RecentIds::new(limits.recent),
            rejected: RecentIds::new(limits.recent),
        }
    }

    /// Takes a transaction in, or says why not. Doing it twice changes nothing.
    ///
    /// - `next`: next nonce of its (sender, lane) in finalized state.
    /// - `now`: time of the last finalized block.
    ///
    /// # Errors
    /// [`InsertError`]; the pool is as before. O(log n) and a walk over the queue.
    pub fn insert(&mut self, tx: T, next: Nonce, now: TimeMs) -> Result<Inserted, InsertError> {
        if self.ids.contains_key(&tx.id()) {
            return Ok(Inserted::Known);
        }
        self.check(&tx, next, now)?;
        let key = (tx.sender(), tx.lane());
        let old = self.entry(&key, tx.nonce()).map(|e| (e.tx.id(), e.tx.tip(), e.tx.encoded_len()));
        if let Some((_, tip, _)) = old {
            let tip_min = Amount(tip.0.saturating_add((tip.0.div_ceil(REPLACEMENT_DIVISOR)).max(1)));
            if tx.tip() < tip_min {
                return Err(InsertError::Underpriced { tip_min });
            }
        }
        let victims = self.make_room(&tx, &key, old.map(|(_, _, bytes)| bytes))?;
        let evicted =
            victims.iter().filter_map(|(key, nonce)| self.take(key, *nonce)).map(|tx| tx.id()).collect();
        if old.is_some() {
            self.take(&key, tx.nonce());
        }
        self.put(key, tx);
        Ok(match old {
            Some((old, _, _)) => Inserted::Replaced { old, evicted },
            None => Inserted::New { evicted },
        })
    }

    /// A block was finalized: forgets what it holds or makes void.
    ///
    /// - `included`: id, sender and lane of its transactions.
    /// - `next_nonce`: next nonce in the state after the block.
    /// - `time`: time of the block.
    pub fn on_finalized(
        &mut self,
        included: impl IntoIterator<Item = (Hash, LaneKey)>,
        mut next_nonce: impl FnMut(&LaneKey) -> Nonce,
        time: TimeMs,
    ) -> Pruned {
        let mut touched = BTreeSet::new();
        for (id, key) in included {
            self.finalized.note(id, TimeMs::MAX);
            touched.insert(key);
        }
        let mut pruned = Pruned::default();
        for key in touched {
            let next = next_nonce(&key);
            for tx in self.take_below(&key, next) {
                let id = tx.id();
                if !self.finalized.holds(&id, time) {
                    pruned.superseded.push(id);
                }
            }
        }
        while let Some((_, id)) = self.expiries.first().copied().filter(|(expires, _)| *expires <= time) {
            self.remove(&id);
            pruned.expired.push(id);
        }
        pruned
    }

    /// Removes a transaction that was found invalid, and refuses it for a while. What follows it keeps waiting.
    pub fn remove_invalid(&mut self, id: &Hash, now: TimeMs) -> Option<T> {
        self.rejected.note(*id, now.saturating_add(TimeMs(self.limits.rejected_ms)));
        self.remove(id)
    }

    /// Looks again at about `budget` transactions, going round the pool from call to call, and removes those that
    /// `keep` no longer wants. Returns their ids.
    pub fn recheck(&mut self, budget: usize, mut keep: impl FnMut(&T) -> bool) -> Vec<Hash> {
        let (mut seen, mut unwanted) = (0usize, Vec::new());
        let from = self.rechecked.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        for (key, queue) in self.queues.range((from, Bound::Unbounded)) {
            if seen >= budget {
                break;
            }
            for entry in queue.iter() {
                seen = seen.saturating_add(1);
                if !keep(&entry.tx) {
                    unwanted.push(entry.tx.id());
                }
            }
            last = Some(*key);
        }
        // At the end of the pool the next round begins at its start.
        self.rechecked = last.filter(|_| seen >= budget);
        for id in &unwanted {
            self.remove(id);
        }
        unwanted
    }

    /// The nonce after all that wait without a gap, from `next`, the next nonce in state.
    #[must_use]
    pub fn next_nonce(&self, sender: Address, lane: Lane, next: Nonce) -> Nonce {
        let mut nonce = next;
        while self.entry(&(sender, lane), nonce).is_some() {
            nonce = nonce.next();
        }
        nonce
    }

    /// The waiting transaction with this id.
    #[must_use]
    pub fn get(&self, id: &Hash) -> Option<&T> {
        let (key, nonce) = self.ids.get(id)?;
        self.entry(key, *nonce).map(|entry| &entry.tx)
    }

    /// Whether a transaction with this id waits.
    #[must_use]
    pub fn contains(&self, id: &Hash) -> bool {
        self.ids.contains_key(id)
    }

    /// Whether a transaction with this id was finalized a short time ago.
    #[must_use]
    pub fn is_finalized(&self, id: &Hash, now: TimeMs) -> bool {
        self.finalized.holds(id, now)
    }

    /// The pool at a glance.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { count: self.usage.count, bytes: self.usage.bytes, queues: self.queues.len() }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.usage.count == 0
    }

    pub(super) fn entry(&self, key: &LaneKey, nonce: Nonce) -> Option<&Entry<T>> {
        self.queues.get(key)?.get(nonce)
    }

    fn check(&self, tx: &T, next: Nonce, now: TimeMs) -> Result<(), InsertError> {
        let (id, got, expires_ms) = (tx.id(), tx.nonce(), tx.expires_ms());
        if self.finalized.holds(&id, now) {
            return Err(InsertError::Finalized);
        }
        if self.rejected.holds(&id, now) {
            return Err(InsertError::Rejected);
        }
        if expires_ms <= now {
            return Err(InsertError::Expired { expires_ms, now_ms: now });
        }
        if got < next {
            return Err(InsertError::NonceUsed { next, got });
        }
        if got.0.saturating_sub(next.0) >= self.limits.nonces_ahead {
            return Err(InsertError::NonceAhead { next, got });
        }
        Ok(())
    }

    /// Which transactions must go for this one. `old` is the size of the one it replaces.
    ///
    /// First the sender's own later nonces of the lane, if the sender has too much; then the cheapest ends of other
    /// queues, each cheaper than this one.
    fn make_room(
        &self,
        tx: &T,
        key: &LaneKey,
        old: Option<usize>,
    ) -> Result<Vec<(LaneKey, Nonce)>, InsertError> {
        let mut account = self.accounts.get(&key.0).copied().unwrap_or_default();
        let mut total = self.usage;
        for usage in [&mut account, &mut total] {
            usage.add(tx.encoded_len());
            if let Some(bytes) = old {
                usage.sub(bytes);
            }
        }
        let mut victims = Vec::new();
        let mut own = self.queues.get(key).into_iter().flat_map(Queue::iter_back);
        while account.exceeds(self.limits.account_count, self.limits.account_bytes) {
            let victim = own.next().filter(|e| e.tx.nonce() > tx.nonce()).ok_or(InsertError::AccountFull)?;
            account.sub(victim.tx.encoded_len());
            total.sub(victim.tx.encoded_len());
            victims.push((*key, victim.tx.nonce()));
        }
        let mut cheapest = Cheapest::new(self);
        while total.exceeds(self.limits.count, self.limits.bytes) {
            let (victim_key, victim) = cheapest.next(key).ok_or(InsertError::Full)?;
            if victim.tx.tip() >= tx.tip() || victims.len() >= EVICTIONS_MAX {
                return Err(InsertError::Full);
            }
            total.sub(victim.tx.encoded_len());
            victims.push((victim_key, victim.tx.nonce()));
        }
        Ok(victims)
    }

    fn remove(&mut self, id: &Hash) -> Option<T> {
        let (key, nonce) = *self.ids.get(id)?;
        self.take(&key, nonce)
    }

    fn put(&mut self, key: LaneKey, tx: T) {
        self.arrivals = self.arrivals.saturating_add(1);
        self.ids.insert(tx.id(), (key, tx.nonce()));
        self.expiries.insert((tx.expires_ms(), tx.id()));
        self.usage.add(tx.encoded_len());
        self.accounts.entry(key.0).or_default().add(tx.encoded_len());
        self.unindex(&key);
        self.queues.entry(key).or_default().put(Entry { tx, arrival: self.arrivals });
        self.index(&key);
    }

    fn take(&mut self, key: &LaneKey, nonce: Nonce) -> Option<T> {
        self.entry(key, nonce)?;
        self.unindex(key);
        let tx = self.queues.get_mut(key)?.take(nonce)?.tx;
        self.index(key);
        self.forget(key, &tx);
        Some(tx)
    }

    /// Takes out what a queue holds below `next`; its indexes change once.
    fn take_below(&mut self, key: &LaneKey, next: Nonce) -> Vec<T> {
        if !self.queues.contains_key(key) {
            return Vec::new();
        }
        self.unindex(key);
        let below = self.queues.get_mut(key).map(|queue| queue.take_below(next)).unwrap_or_default();
        self.index(key);
        below.into_iter().map(|entry| entry.tx).inspect(|tx| self.forget(key, tx)).collect()
    }

    /// Strikes a transaction that left its queue from everything else.
    fn forget(&mut self, key: &LaneKey, tx: &T) {
        self.ids.remove(&tx.id());
        self.expiries.remove(&(tx.expires_ms(), tx.id()));
        self.usage.sub(tx.encoded_len());
        if let Some(account) = self.accounts.get_mut(&key.0) {
            account.sub(tx.encoded_len());
            if account.count == 0 {
                self.accounts.remove(&key.0);
            }
        }
    }

    /// Takes a queue out of the indexes, before it changes.
    fn unindex(&mut self, key: &LaneKey) {
        let Some((best, tail)) = self.places(key) else { return };
        self.best.remove(&(best, *key));
        self.tails.remove(&(tail, *key));
    }

    /// Puts a queue into the indexes, after it changed; an empty one goes.
    fn index(&mut self, key: &LaneKey) {
        match self.places(key) {
            Some((best, tail)) => {
                self.best.insert((best, *key));
                self.tails.insert((tail, *key));
            }
            None => {
                self.queues.remove(key);
            }
        }
    }

    fn places(&self, key: &LaneKey) -> Option<(Rank, Worth)> {
        let queue = self.queues.get(key)?;
        Some((queue.best()?, worth(queue.iter_back().next()?)))
    }
}

fn worth<T: Pooled>(entry: &Entry<T>) -> Worth {
    (entry.tx.tip(), Reverse(entry.arrival))
}

/// The ends of queues in the order of eviction; the one before an end follows once the end was given.
struct Cheapest<'a, T> {
    pool: &'a Mempool<T>,
    ends: std::iter::Peekable<std::collections::btree_set::Iter<'a, (Worth, LaneKey)>>,
    /// Ends laid bare, with how many of their queue are gone before them.
    bare: BTreeSet<(Worth, LaneKey, usize)>,
}

impl<'a, T: Pooled> Cheapest<'a, T> {
    fn new(pool: &'a Mempool<T>) -> Self {
        Self { pool, ends: pool.tails.iter().peekable(), bare: BTreeSet::new() }
    }

    /// The next to go, of any queue but `not`.
    fn next(&mut self, not: &LaneKey) -> Option<(LaneKey, &'a Entry<T>)> {
        while self.ends.peek().is_some_and(|(_, key)| key == not) {
            self.ends.next();
        }
        let bare = self.bare.first().map(|(worth, _, _)| *worth);
        let end = self.ends.peek().map(|(worth, _)| *worth);
        let (key, gone) = match (bare, end) {
            (Some(bare), end) if end.is_none_or(|end| bare < end) => {
                self.bare.pop_first().map(|(_, key, gone)| (key, gone))
            }
            _ => self.ends.next().map(|(_, key)| (*key, 0)),
        }?;
        let mut queue = self.pool.queues.get(&key)?.iter_back().skip(gone);
        let entry = queue.next()?;
        if let Some(before) = queue.next() {
            self.bare.insert((worth(before), key, gone.saturating_add(1)));
        }
        Some((key, entry))
    }
}
