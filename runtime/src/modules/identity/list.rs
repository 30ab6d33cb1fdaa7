//! The lists of grants: each stands in its grantor's and in its grantee's. When one ends, the last takes its place.

use crate::keys::{self, ListSide};
use crate::modules::Ctx;
use wattle_primitives::{Address, Hash, Reason};

/// Puts a grant at the end of both lists, and says where.
pub(super) fn add(ctx: &mut Ctx<'_>, parties: [Address; 2], id: &Hash) -> Result<[u32; 2], Reason> {
    let mut index = [0; 2];
    for ((side, account), at) in ListSide::BOTH.into_iter().zip(&parties).zip(&mut index) {
        let key = keys::grant_count(side, account);
        *at = ctx.state.read(key).unwrap_or(0);
        ctx.state.write(key, &at.checked_add(1).ok_or(Reason::Overflow)?);
        ctx.state.write(keys::grant_index(side, account, *at), id);
    }
    Ok(index)
}

/// Takes a grant off both lists.
pub(super) fn remove(ctx: &mut Ctx<'_>, parties: [Address; 2], index: [u32; 2]) {
    for ((side, account), at) in ListSide::BOTH.into_iter().zip(&parties).zip(index) {
        let count = keys::grant_count(side, account);
        let left = ctx.state.read(count).unwrap_or(0).saturating_sub(1);
        let last = keys::grant_index(side, account, left);
        let moved: Option<Hash> = ctx.state.read(last).filter(|_| left != at);
        ctx.state.remove(last);
        if let Some(id) = moved {
            ctx.state.write(keys::grant_index(side, account, at), &id);
            if let Some(mut grant) = ctx.state.read(keys::grant(&id)) {
                *side.of(&mut grant.index) = at;
                ctx.state.write(keys::grant(&id), &grant);
            }
        }
        match left {
            0 => ctx.state.remove(count),
            left => ctx.state.write(count, &left),
        }
    }
}
