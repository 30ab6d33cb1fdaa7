//! Blocks above the last finalization, as far as the core knows them: by header.

use crate::header::{HeaderError, ParentInfo, Rules};
use crate::{Floor, Output};
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::{Hash, Header, Height, View, merkle, planted};

/// Most blocks known at a time. Those of views that came to nothing are forgotten ([`Blocks::forget_before`]), so that
/// only as many notarized blocks without a finalization come to it.
const BLOCKS_MAX: usize = 8_192;
/// Up to so many blocks none is looked for to be forgotten.
const BLOCKS_KEPT_MIN: usize = 64;

/// How far the execution of a block has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exec {
    /// Nobody has asked for it.
    Unknown,
    /// Asked for, not answered yet.
    Running,
    /// The roots are the header's.
    Valid,
    /// Invalid: the header breaks a rule, or execution says so.
    Invalid(Option<HeaderError>),
}

/// A block whose body the driver holds.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) header: Header,
    pub(crate) exec: Exec,
    /// The body is in the log.
    pub(crate) durable: bool,
}

/// Whether a block and its ancestors down to the floor are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// All are.
    Ready,
    /// An execution is under way.
    Running,
    /// This block is not held; its child has the height given, if it is known.
    Missing(Hash, Option<Height>),
    /// This block is invalid.
    Invalid(Hash, Option<HeaderError>),
    /// The ancestors do not include the floor.
    OffFloor,
}

/// The blocks above the floor.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    entries: BTreeMap<Hash, Entry>,
}

impl Blocks {
    pub(crate) fn get(&self, hash: &Hash) -> Option<&Entry> {
        self.entries.get(hash)
    }

    pub(crate) fn get_mut(&mut self, hash: &Hash) -> Option<&mut Entry> {
        self.entries.get_mut(hash)
    }

    /// Takes up a block unless it is known or there are too many.
    pub(crate) fn insert(&mut self, hash: Hash, header: Header, exec: Exec, durable: bool) {
        if self.entries.len() < BLOCKS_MAX {
            self.entries.entry(hash).or_insert(Entry { header, exec, durable });
        }
    }

    /// Forgets what `keep` does not want.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Hash, &Entry) -> bool) {
        self.entries.retain(|hash, entry| keep(hash, entry));
    }

    /// Forgets blocks first proposed before `oldest`, but for those that `roots` name and the ancestors of what stays.
    pub(crate) fn forget_before(&mut self, oldest: View, roots: impl Iterator<Item = Hash>) {
        if self.entries.len() <= BLOCKS_KEPT_MIN || planted!("stall-keeps-blocks") {
            return;
        }
        let recent =
            self.entries.iter().filter(|(_, entry)| entry.header.view >= oldest).map(|(hash, _)| *hash);
        let mut kept = BTreeSet::new();
        for root in recent.chain(roots) {
            let mut at = root;
            while let Some(entry) = self.entries.get(&at)
                && kept.insert(at)
            {
                at = entry.header.parent;
            }
        }
        self.entries.retain(|hash, _| kept.contains(hash));
    }

    /// The blocks whose bodies are in the log.
    pub(crate) fn durable(&self) -> impl Iterator<Item = &Header> {
        self.entries.values().filter(|entry| entry.durable).map(|entry| &entry.header)
    }

    /// The parent of a block: its header's facts when it is the floor or known here.
    pub(crate) fn parent_info(&self, hash: &Hash, floor: &Floor) -> Option<ParentInfo> {
        if *hash == floor.hash {
            return Some(ParentInfo { hash: *hash, height: floor.height, time_ms: floor.time_ms });
        }
        let header = &self.entries.get(hash)?.header;
        Some(ParentInfo { hash: *hash, height: header.height, time_ms: header.time_ms })
    }

    /// Sees to it that a block is executed on its ancestors: asks for the lowest one that is not, once.
    pub(crate) fn ensure_executed(
        &mut self,
        hash: Hash,
        floor: &Floor,
        rules: &Rules,
        out: &mut Vec<Output>,
    ) -> Chain {
        let mut at = hash;
        let mut child = None;
        // Heights fall with every step, so that the walk ends even on crafted headers.
        loop {
            if at == floor.hash {
                return Chain::Ready;
            }
            let Some(entry) = self.entries.get(&at) else { return Chain::Missing(at, child) };
            match entry.exec {
                Exec::Valid => return Chain::Ready,
                Exec::Running => return Chain::Running,
                Exec::Invalid(error) => return Chain::Invalid(at, error),
                Exec::Unknown => {}
            }
            let (parent, height) = (entry.header.parent, entry.header.height);
            if height <= floor.height || height == floor.height.next() && parent != floor.hash {
                return Chain::OffFloor;
            }
            if child.is_some_and(|c| height >= c) {
                return Chain::Invalid(hash, None);
            }
            if parent != floor.hash && self.entries.get(&parent).is_none_or(|p| p.exec != Exec::Valid) {
                (at, child) = (parent, Some(height));
                continue;
            }
            return self.execute(at, parent, floor, rules, out);
        }
    }

    fn execute(
        &mut self,
        at: Hash,
        parent: Hash,
        floor: &Floor,
        rules: &Rules,
        out: &mut Vec<Output>,
    ) -> Chain {
        let info = self.parent_info(&parent, floor);
        let (Some(info), Some(entry)) = (info, self.entries.get_mut(&at)) else {
            return Chain::Missing(parent, None);
        };
        if let Err(error) = rules.check(&entry.header, &info) {
            entry.exec = Exec::Invalid(Some(error));
            return Chain::Invalid(at, Some(error));
        }
        entry.exec = Exec::Running;
        out.push(Output::Execute { block: at, parent });
        Chain::Running
    }

    /// The blocks from above the floor up to `hash`, oldest first; empty when they do not reach the floor.
    pub(crate) fn path(&self, hash: Hash, floor: &Floor) -> Vec<Hash> {
        let mut path = Vec::new();
        let mut at = hash;
        while at != floor.hash {
            let Some(entry) = self.entries.get(&at) else { return Vec::new() };
            if entry.header.height <= floor.height {
                return Vec::new();
            }
            path.push(at);
            at = entry.header.parent;
        }
        path.reverse();
        path
    }

    /// Whether a block above the floor that leads to `hash` has transactions.
    pub(crate) fn has_work_up_to(&self, hash: Hash, floor: &Floor) -> bool {
        let empty = merkle::list_root(&[]);
        let mut at = hash;
        while at != floor.hash {
            let Some(entry) = self.entries.get(&at) else { return false };
            if entry.header.txs_root != empty {
                return true;
            }
            if entry.header.height <= floor.height.next() {
                return false;
            }
            at = entry.header.parent;
        }
        false
    }
}
