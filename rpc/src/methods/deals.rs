//! `deals_*`.

use super::{CURSOR, LIMIT, Method, query, req};
use wattle_primitives::Hash;

pub(super) static METHODS: &[Method] = &[
    query!(
        "deals_getDeal",
        "A request for a deal, or the deal: what is authorised, used and left.",
        [req::<Hash>("deal")],
        |b, p| b.deals_get(p.get("deal")?)
    ),
    query!(
        "deals_listDeals",
        "A microgrid's open requests and deals.",
        [req::<Hash>("microgrid"), CURSOR, LIMIT],
        |b, p| b.deals_list(p.get("microgrid")?, p.page()?)
    ),
];
