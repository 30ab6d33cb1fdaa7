//! `disputes_*`.

use super::{CURSOR, LIMIT, Method, opt, query, req};
use wattle_primitives::{Address, Hash};
use wattle_rpc_types::DisputesRequest;

pub(super) static METHODS: &[Method] = &[
    query!(
        "disputes_listDisputes",
        "Disputes that are not decided, of a microgrid, of an account, or all.",
        [opt::<Hash>("microgrid"), opt::<Address>("account"), CURSOR, LIMIT],
        |b, p| {
            let request = DisputesRequest { microgrid: p.find("microgrid")?, account: p.find("account")? };
            b.disputes_list(request, p.page()?)
        }
    ),
    query!("disputes_getDispute", "A dispute that is not decided.", [req::<Hash>("dispute")], |b, p| {
        b.disputes_get(p.get("dispute")?)
    }),
];
