//! The writes of a block in the making, over the state it builds on.
//!
//! Every entry that is read or written is looked up and hashed once. A transaction marks where it starts; when it
//! fails, everything since the mark is undone.

use crate::key::{self, Key, RawKey};
use crate::records::{Due, DueKind};
use crate::state::{State, Write, decode_entry};
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use wattle_primitives::trie::key_hash;
use wattle_primitives::{Hash, TimeMs};

/// Uncommitted writes over a parent state.
#[derive(Debug)]
pub struct Overlay<'a> {
    parent: &'a State,
    slots: BTreeMap<RawKey, Slot<'a>>,
    /// Entries written since the last mark that is kept, with what had been written there before.
    undo: Vec<(RawKey, Option<Written>)>,
}

/// A place in the journal to roll back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

#[derive(Debug)]
struct Slot<'a> {
    position: Hash,
    /// The parent's value.
    before: Option<&'a [u8]>,
    written: Option<Written>,
}

impl Slot<'_> {
    fn value(&self) -> Option<&[u8]> {
        self.written.as_ref().map_or(self.before, Option::as_deref)
    }
}

/// A new value; `None` removes the entry.
type Written = Option<Vec<u8>>;

/// A raw key with its new value; `None` removes the entry.
pub type RawWrite = (Vec<u8>, Written);

/// Raw writes, sorted by key, and the state they lead to.
pub type Finished = (State, Vec<RawWrite>);

impl<'a> Overlay<'a> {
    /// No writes yet.
    #[must_use]
    pub const fn new(parent: &'a State) -> Self {
        Self { parent, slots: BTreeMap::new(), undo: Vec::new() }
    }

    fn slot(&mut self, key: RawKey) -> &mut Slot<'a> {
        match self.slots.entry(key) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(vacant) => {
                let position = key_hash(&key);
                let before = self.parent.get_at(&position);
                vacant.insert(Slot { position, before, written: None })
            }
        }
    }

    /// The raw value under `key`.
    pub fn get<T>(&mut self, key: Key<T>) -> Option<&[u8]> {
        self.slot(key.raw()).value()
    }

    /// Whether there is an entry under `key`.
    pub fn contains<T>(&mut self, key: Key<T>) -> bool {
        self.slot(key.raw()).value().is_some()
    }

    /// The decoded value under `key`.
    ///
    /// # Panics
    /// When an entry is not what this module wrote: the state was checked against its root, so this is a bug, and
    /// going on would split the chain.
    pub fn read<T: BorshDeserialize>(&mut self, key: Key<T>) -> Option<T> {
        self.get(key).map(|bytes| decode_entry(&key, bytes))
    }

    /// Puts `value` under `key`.
    pub fn write<T: BorshSerialize>(&mut self, key: Key<T>, value: &T) {
        self.set(key.raw(), Some(wattle_primitives::encode(value)));
    }

    /// Removes the entry under `key`.
    pub fn remove<T>(&mut self, key: Key<T>) {
        self.set(key.raw(), None);
    }

    fn set(&mut self, key: RawKey, value: Written) {
        let old = self.slot(key).written.replace(value);
        self.undo.push((key, old));
    }

    /// Work of a kind that is due at `time_ms`, soonest first, at most `limit`: queue keys with their values.
    pub fn due(&self, kind: DueKind, time_ms: TimeMs, limit: usize) -> Vec<(Key<Due>, Due)> {
        let is_due = |key: &[u8]| key::queue_time(key).is_some_and(|at| at <= time_ms);
        let untouched = |key: &Key<Due>| self.slots.get(&key.raw()).is_none_or(|slot| slot.written.is_none());
        let parent =
            self.parent.due_in_order(kind).map_while(|(raw, due)| is_due(raw).then(|| queue_entry(raw, due)));
        let own = self
            .written_queue(kind)
            .take_while(|(key, _)| is_due(key))
            .filter_map(|(key, slot)| Some(queue_entry(key, slot.value()?)));
        let mut due: Vec<(Key<Due>, Due)> = parent.filter(|(key, _)| untouched(key)).take(limit).collect();
        due.extend(own.take(limit));
        due.sort_unstable_by_key(|(key, _)| key.raw());
        due.truncate(limit);
        due
    }

    fn written_queue(&self, kind: DueKind) -> impl Iterator<Item = (&RawKey, &Slot<'a>)> {
        self.under(key::queue_of(kind).raw())
    }

    /// Entries that were read or written, of all keys that begin with `prefix`.
    fn under(&self, prefix: RawKey) -> impl Iterator<Item = (&RawKey, &Slot<'a>)> {
        self.slots.range(prefix..).take_while(move |(key, _)| key.starts_with(&prefix))
    }

    /// Balances that were written: key, value in the parent state, value now.
    pub fn balances(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>, Option<&[u8]>)> {
        let written = self.under(key::balances().raw()).filter(|(_, slot)| slot.written.is_some());
        written.map(|(key, slot)| (&key[..], slot.before, slot.value()))
    }

    /// How many entries have been read or written.
    #[cfg(test)]
    pub(crate) fn touched(&self) -> usize {
        self.slots.len()
    }

    /// Where the journal stands.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    /// Undoes everything since `mark`.
    pub fn rollback(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            if let Some((key, old)) = self.undo.pop() {
                self.slot(key).written = old;
            }
        }
    }

    /// Makes everything so far final: it cannot be undone any more.
    pub fn keep(&mut self) {
        self.undo.clear();
    }

    /// The state with all writes, and the writes themselves.
    #[must_use]
    pub fn finish(self) -> Finished {
        let parent = self.parent;
        // An entry that came and went within the block never was: nobody needs to write its removal.
        let changed = self.slots.into_iter().filter_map(|(key, slot)| {
            let value = slot.written.filter(|value| value.is_some() || slot.before.is_some())?;
            Some((key, slot.position, value))
        });
        let changed: Vec<(RawKey, Hash, Written)> = changed.collect();
        let state = parent.apply(changed.iter().map(|(key, position, value)| Write {
            key,
            position: *position,
            value: value.as_deref(),
        }));
        let writes = changed.into_iter().map(|(key, _, value)| (key.to_vec(), value)).collect();
        (state, writes)
    }
}

/// A queue entry as its key and value have it.
fn queue_entry(raw: &[u8], value: &[u8]) -> (Key<Due>, Due) {
    let due: Due = decode_entry(raw, value);
    (key::queue(key::queue_time(raw).unwrap_or_default(), &due), due)
}
