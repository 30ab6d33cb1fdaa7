//! A microgrid's open things of a kind, by number: a list without gaps, in no lasting order. When one ends, the last
//! takes its place. Its length stands under a key of its own, absent when there is none.

use super::Ctx;
use crate::keys::Key;
use wattle_primitives::{Hash, Reason};

/// The keys of a list.
pub(crate) struct List {
    /// Its length.
    pub(crate) count: fn(&Hash) -> Key<u32>,
    /// What stands at a place.
    pub(crate) at: fn(&Hash, u32) -> Key<Hash>,
}

impl List {
    /// Adds something, and says at which place.
    pub(crate) fn add(&self, ctx: &mut Ctx<'_>, microgrid: &Hash, id: &Hash) -> Result<u32, Reason> {
        let index = ctx.state.read((self.count)(microgrid)).unwrap_or(0);
        let count = index.checked_add(1).ok_or(Reason::Overflow)?;
        ctx.state.write((self.count)(microgrid), &count);
        ctx.state.write((self.at)(microgrid, index), id);
        Ok(index)
    }

    /// Takes away what stands at a place. Returns what stands there now, if anything: its record must say so.
    pub(crate) fn remove(&self, ctx: &mut Ctx<'_>, microgrid: &Hash, index: u32) -> Option<Hash> {
        let left = ctx.state.read((self.count)(microgrid)).unwrap_or(0).saturating_sub(1);
        let last = (self.at)(microgrid, left);
        let moved = ctx.state.read(last).filter(|_| left != index);
        if let Some(moved) = &moved {
            ctx.state.write((self.at)(microgrid, index), moved);
        }
        ctx.state.remove(last);
        match left {
            0 => ctx.state.remove((self.count)(microgrid)),
            left => ctx.state.write((self.count)(microgrid), &left),
        }
        moved
    }
}
