//! The state: a Merkle trie over every entry, and an ordered index of what falls due.
//!
//! Cheap to clone and never changed in place: every unfinalized block has its own, sharing what it did not touch.
//!
//! # The queue
//! Positions in the trie are hashes, so it cannot be searched by order. Entries whose key begins with
//! [`tag::QUEUE`] hold a kind and a time after the tag; [`State`] keeps those keys in a trie for each kind as well,
//! ordered by that time. The index is a function of the committed entries, so it needs no root of its own and every
//! node that rebuilds from the entries has the same.

mod trie;

use crate::key::{self, Key, tag};
use crate::records::DueKind;
use borsh::BorshDeserialize;
use trie::{Change, Trie};
use wattle_primitives::trie::{TrieProof, key_hash};
use wattle_primitives::{Hash, TimeMs};

/// Everything the chain knows. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct State {
    entries: Trie,
    /// By the number of the kind.
    queues: [Trie; DueKind::ALL.len()],
}

/// One changed entry, with the hash of its key.
#[derive(Clone, Debug)]
pub struct Write<'a> {
    /// The raw key.
    pub key: &'a [u8],
    /// `key_hash(key)`.
    pub position: Hash,
    /// The new value; `None` removes the entry.
    pub value: Option<&'a [u8]>,
}

impl State {
    /// The state of these entries; of two with one key the later wins.
    ///
    /// Hashes on as many threads as the machine has; the result does not depend on their number.
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let entries: Vec<_> = entries.into_iter().map(|(key, value)| (key_hash(&key), key, value)).collect();
        let queues = DueKind::ALL.map(|kind| {
            let of_kind = entries.iter().filter_map(|(_, key, value)| {
                queue_position(key, kind).map(|at| (at, key.clone(), value.clone()))
            });
            Trie::build(of_kind.collect())
        });
        Self { queues, entries: Trie::build(entries) }
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(&key_hash(key))
    }

    /// The decoded value under `key`.
    ///
    /// # Panics
    /// When an entry is not what its module wrote: as [`crate::overlay::Overlay::read`].
    #[must_use]
    pub fn read<T: BorshDeserialize>(&self, key: Key<T>) -> Option<T> {
        self.get(&key).map(|bytes| decode_entry(&key, bytes))
    }

    /// The value at a position already hashed.
    #[must_use]
    pub fn get_at(&self, position: &Hash) -> Option<&[u8]> {
        self.entries.get(position)
    }

    /// The state's root: `state_root` in headers.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.entries.root()
    }

    /// Shows what the state holds under `key`, also that it holds nothing.
    #[must_use]
    pub fn prove(&self, key: &[u8]) -> TrieProof {
        self.entries.prove(&key_hash(key))
    }

    /// The state after `writes`; each branch on their paths is hashed once.
    #[must_use]
    pub fn apply<'a>(&self, writes: impl IntoIterator<Item = Write<'a>>) -> Self {
        let mut entries = Vec::new();
        let mut due = DueKind::ALL.map(|_| Vec::new());
        for Write { key, position, value } in writes {
            let change = |at: Hash| value.map_or(Change::remove(at), |value| Change::put(at, key, value));
            if key.first() == Some(&tag::QUEUE) {
                for (kind, changes) in DueKind::ALL.into_iter().zip(&mut due) {
                    changes.extend(queue_position(key, kind).map(change));
                }
            }
            entries.push(change(position));
        }
        let mut queues = self.queues.clone();
        for (queue, changes) in queues.iter_mut().zip(due).filter(|(_, changes)| !changes.is_empty()) {
            *queue = queue.update(changes);
        }
        Self { entries: self.entries.update(entries), queues }
    }

    /// Queue entries of a kind in the order of their times.
    pub fn due_in_order(&self, kind: DueKind) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.queues.get(kind as usize).into_iter().flat_map(Trie::iter)
    }

    /// Every entry, in the order of hashed keys.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter()
    }

    /// When the next queue entry of any kind falls due.
    #[must_use]
    pub fn due_ms(&self) -> Option<TimeMs> {
        self.queues.iter().filter_map(|queue| key::queue_time(queue.first()?.0)).min()
    }
}

/// The place of a queue key in the order of its `kind`: the 32 bytes after its tag, the first of which is the kind.
fn queue_position(key: &[u8], kind: DueKind) -> Option<Hash> {
    let (tag, rest) = key.split_first()?;
    if *tag != tag::QUEUE || rest.first() != Some(&(kind as u8)) {
        return None;
    }
    <[u8; key::QUEUE_BYTES]>::try_from(rest).ok().map(Hash)
}

/// Decodes an entry of the state.
///
/// # Panics
/// When it is not what its module wrote: the state was checked against its root, so this is a bug.
pub(crate) fn decode_entry<T: BorshDeserialize>(key: &[u8], bytes: &[u8]) -> T {
    match T::try_from_slice(bytes) {
        Ok(value) => value,
        Err(error) => {
            panic!("state entry with tag {:#04x} does not decode: {error}", key.first().unwrap_or(&0))
        }
    }
}

#[cfg(test)]
mod tests;
