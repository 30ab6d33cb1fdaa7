//! The lists of grants: each stands in its grantor's and in its grantee's.

use crate::keys::{self, ListSide};
use crate::modules::Ctx;
use crate::modules::list::List;
use wattle_primitives::{Address, Hash, Reason};

/// An account's lists of grants, in the order of a grant's index.
const LISTS: [(ListSide, List<Address>); 2] = [
    (
        ListSide::Grantor,
        List {
            count: |account| keys::grant_count(ListSide::Grantor, account),
            at: |account, index| keys::grant_index(ListSide::Grantor, account, index),
        },
    ),
    (
        ListSide::Grantee,
        List {
            count: |account| keys::grant_count(ListSide::Grantee, account),
            at: |account, index| keys::grant_index(ListSide::Grantee, account, index),
        },
    ),
];

/// Puts a grant into both lists, and says where.
pub(super) fn add(ctx: &mut Ctx<'_>, parties: [Address; 2], id: &Hash) -> Result<[u32; 2], Reason> {
    let mut index = [0; 2];
    for (((_, list), account), at) in LISTS.iter().zip(&parties).zip(&mut index) {
        *at = list.add(ctx, account, id)?;
    }
    Ok(index)
}

/// Takes a grant off both lists.
pub(super) fn remove(ctx: &mut Ctx<'_>, parties: [Address; 2], index: [u32; 2]) {
    for (((side, list), account), at) in LISTS.iter().zip(&parties).zip(index) {
        if let Some(id) = list.remove(ctx, account, at)
            && let Some(mut grant) = ctx.state.read(keys::grant(&id))
        {
            *side.of(&mut grant.index) = at;
            ctx.state.write(keys::grant(&id), &grant);
        }
    }
}
