//! Blocks above the last finalized one: bodies, and the state after each that was executed.
//!
//! Consensus decides by hashes and headers; this is where it finds what stands behind them. Bounded by
//! `BODIES_MAX`; everything at or below the finalized height or view goes.

use crate::work::VerifiedBlock;
use std::collections::BTreeMap;
use std::sync::Arc;
use wattle_primitives::{Hash, Header, Height};
use wattle_runtime::{Executed, State};

/// Most proposed bodies above the finalized height in all.
const BODIES_MAX: usize = 256;

/// One block, with how far its execution and its records have come.
#[derive(Debug)]
pub struct Entry {
    /// The block, bound to its header, signatures good.
    pub block: Arc<VerifiedBlock>,
    /// State and receipts, once executed.
    pub executed: Option<Arc<Executed>>,
    /// Whether an execution is under way.
    pub executing: bool,
    /// Whether the body is in the log, or on its way there in an earlier group than what follows.
    pub logged: bool,
    /// Whether consensus certified it: the block counts as included.
    pub certified: bool,
}

/// The last finalized block and the blocks above it.
#[derive(Debug)]
pub struct Tree {
    /// Header of the last finalized block.
    pub header: Header,
    /// Its hash.
    pub hash: Hash,
    /// State after it.
    pub state: State,
    entries: BTreeMap<Hash, Entry>,
}

impl Tree {
    /// A tree that holds the last finalized block only.
    #[must_use]
    pub fn new(header: Header, state: State) -> Self {
        Self { hash: header.hash(), header, state, entries: BTreeMap::new() }
    }

    /// The height of the last finalized block.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.header.height
    }

    /// Blocks above the last finalized.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing stands above the last finalized block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of a block above the last finalized.
    #[must_use]
    pub fn get(&self, hash: &Hash) -> Option<&Entry> {
        self.entries.get(hash)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, hash: &Hash) -> Option<&mut Entry> {
        self.entries.get_mut(hash)
    }

    /// Whether a proposed body may still be taken.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.entries.len() < BODIES_MAX
    }

    /// Keeps a body. One that is known already stays as it is.
    pub fn insert(&mut self, block: Arc<VerifiedBlock>) {
        if block.header().height <= self.header.height {
            return;
        }
        self.entries.entry(block.hash).or_insert(Entry {
            block,
            executed: None,
            executing: false,
            logged: false,
            certified: false,
        });
    }

    /// Forgets what `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&Hash, &Entry) -> bool) {
        self.entries.retain(|hash, entry| keep(hash, entry));
    }

    /// State after a block, if it is the last finalized or was executed.
    #[must_use]
    pub fn state_after(&self, hash: &Hash) -> Option<&State> {
        if *hash == self.hash {
            return Some(&self.state);
        }
        self.entries.get(hash).and_then(|e| e.executed.as_ref()).map(|e| &e.state)
    }

    /// Makes an executed child of the last finalized block the new last finalized one, and forgets what cannot
    /// become final any more. Returns the entry, or `None` when it is no executed child.
    pub fn finalize(&mut self, hash: &Hash) -> Option<Entry> {
        let fits = self
            .entries
            .get(hash)
            .is_some_and(|e| e.executed.is_some() && e.block.header().parent == self.hash);
        if !fits {
            return None;
        }
        let entry = self.entries.remove(hash)?;
        self.header = entry.block.header().clone();
        self.hash = *hash;
        if let Some(executed) = &entry.executed {
            self.state = executed.state.clone();
        }
        // Below its height nothing can be final any more, and neither can what was first proposed before it.
        let (height, round) = (self.header.height, entry.block.round());
        self.entries.retain(|_, e| e.block.header().height > height && e.block.round() > round);
        Some(entry)
    }

    /// The greatest height of any executed block.
    #[must_use]
    pub fn height_max(&self) -> Height {
        let executed = self.entries.values().filter(|e| e.executed.is_some());
        executed.map(|e| e.block.header().height).max().unwrap_or(self.header.height)
    }

    /// All entries, in hash order.
    pub fn iter(&self) -> impl Iterator<Item = (&Hash, &Entry)> {
        self.entries.iter()
    }
}
