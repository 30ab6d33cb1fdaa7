//! Open things of an owner, by number: a list without gaps, in no lasting order. When one ends, the last takes
//! its place. Its length stands under a key of its own, absent when there is none.

use super::Ctx;
use crate::keys::Key;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::{Hash, Reason};

/// Most items of one page.
pub const PAGE_ITEMS_MAX: usize = 1000;

/// Places of a list of `count`, from `from` on, at most `limit` and [`PAGE_ITEMS_MAX`].
pub(crate) fn page(from: u32, count: u32, limit: usize) -> impl Iterator<Item = u32> {
    (from..count).take(limit.min(PAGE_ITEMS_MAX))
}

/// The keys of an owner's list.
pub(crate) struct List<O, T = Hash> {
    /// Its length.
    pub(crate) count: fn(&O) -> Key<u32>,
    /// Item at a place.
    pub(crate) at: fn(&O, u32) -> Key<T>,
}

impl<O, T: BorshSerialize + BorshDeserialize> List<O, T> {
    /// Adds something, and says at which place.
    pub(crate) fn add(&self, ctx: &mut Ctx<'_>, owner: &O, item: &T) -> Result<u32, Reason> {
        let index = ctx.state.read((self.count)(owner)).unwrap_or(0);
        let count = index.checked_add(1).ok_or(Reason::Overflow)?;
        ctx.state.write((self.count)(owner), &count);
        ctx.state.write((self.at)(owner, index), item);
        Ok(index)
    }

    /// Takes away what stands at a place. Returns what stands there now, if anything: its record must say so.
    pub(crate) fn remove(&self, ctx: &mut Ctx<'_>, owner: &O, index: u32) -> Option<T> {
        let left = ctx.state.read((self.count)(owner)).unwrap_or(0).saturating_sub(1);
        let last = (self.at)(owner, left);
        let moved = ctx.state.read(last).filter(|_| left != index);
        if let Some(moved) = &moved {
            ctx.state.write((self.at)(owner, index), moved);
        }
        ctx.state.remove(last);
        match left {
            0 => ctx.state.remove((self.count)(owner)),
            left => ctx.state.write((self.count)(owner), &left),
        }
        moved
    }
}
