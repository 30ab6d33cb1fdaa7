//! What an owner has open of a kind, by number: a list without gaps, in no lasting order. When one ends, the last takes
//! its place. Its length stands under a key of its own, absent when there is none.

use super::Ctx;
use crate::keys::Key;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::{Hash, Reason};

/// The keys of an owner's list.
pub(crate) struct List<O, T = Hash> {
    /// Its length.
    pub(crate) count: fn(&O) -> Key<u32>,
    /// What stands at a place.
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
