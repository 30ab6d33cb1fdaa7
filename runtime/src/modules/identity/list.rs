//! The lists of grants and of sponsorships: each stands in one of either party's.

use crate::keys::{self, ListSide};
use crate::modules::Ctx;
use crate::modules::list::List;
use wattle_primitives::{Address, Hash, Reason};

/// An account's lists of grants, in the order of a grant's index.
const GRANTS: [List<Address>; 2] = [
    List {
        count: |account| keys::grant_count(ListSide::Grantor, account),
        at: |account, index| keys::grant_index(ListSide::Grantor, account, index),
    },
    List {
        count: |account| keys::grant_count(ListSide::Grantee, account),
        at: |account, index| keys::grant_index(ListSide::Grantee, account, index),
    },
];

/// An account's lists of sponsorships, which name the account on the other side.
const SPONSORSHIPS: [List<Address, Address>; 2] = [
    List {
        count: |account| keys::sponsorship_count(ListSide::Grantor, account),
        at: |account, index| keys::sponsorship_index(ListSide::Grantor, account, index),
    },
    List {
        count: |account| keys::sponsorship_count(ListSide::Grantee, account),
        at: |account, index| keys::sponsorship_index(ListSide::Grantee, account, index),
    },
];

/// Puts a grant into both lists, and says where.
pub(super) fn add_grant(
    ctx: &mut Ctx<'_>,
    [grantor, grantee]: [Address; 2],
    id: &Hash,
) -> Result<[u32; 2], Reason> {
    let [made, given] = &GRANTS;
    Ok([made.add(ctx, &grantor, id)?, given.add(ctx, &grantee, id)?])
}

/// Takes a grant off both lists.
pub(super) fn remove_grant(ctx: &mut Ctx<'_>, parties: [Address; 2], index: [u32; 2]) {
    for (((side, list), account), at) in ListSide::BOTH.into_iter().zip(&GRANTS).zip(&parties).zip(index) {
        if let Some(id) = list.remove(ctx, account, at)
            && let Some(mut grant) = ctx.state.read(keys::grant(&id))
        {
            *side.of(&mut grant.index) = at;
            ctx.state.write(keys::grant(&id), &grant);
        }
    }
}

/// Puts a sponsorship into both lists, and says where.
pub(super) fn add_sponsorship(
    ctx: &mut Ctx<'_>,
    [sponsor, grantee]: [Address; 2],
) -> Result<[u32; 2], Reason> {
    let [made, given] = &SPONSORSHIPS;
    Ok([made.add(ctx, &sponsor, &grantee)?, given.add(ctx, &grantee, &sponsor)?])
}

/// Takes a sponsorship off both lists.
pub(super) fn remove_sponsorship(ctx: &mut Ctx<'_>, parties: [Address; 2], index: [u32; 2]) {
    for (((side, list), account), at) in
        ListSide::BOTH.into_iter().zip(&SPONSORSHIPS).zip(&parties).zip(index)
    {
        if let Some(other) = list.remove(ctx, account, at)
            && let Some(mut moved) = ctx.state.read(side.sponsorship(account, &other))
        {
            *side.of(&mut moved.index) = at;
            ctx.state.write(side.sponsorship(account, &other), &moved);
        }
    }
}
