//! `node_*`, `evidence_list` and the description of it all.

use super::{CURSOR, LIMIT, Method, Run, query};

pub(super) static METHODS: &[Method] = &[
    query!("node_peers", "Peers that are connected or banned, with their score.", [], |b, _| b.node_peers()),
    query!("node_consensus", "What consensus is doing on this node.", [], |b, _| b.node_consensus()),
    query!("evidence_list", "Evidence of misbehaviour, newest first.", [CURSOR, LIMIT], |b, p| {
        b.evidence(p.page()?)
    }),
    Method {
        name: "rpc.discover",
        summary: "This description, as OpenRPC.",
        params: &[],
        run: Run::Discover,
    },
];
