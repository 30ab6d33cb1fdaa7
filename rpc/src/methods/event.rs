//! `event_*`.

use super::{CURSOR, LIMIT, Method, Run, opt, query, req};
use crate::events;
use wattle_primitives::Height;
use wattle_rpc_types::EventFilter;

pub(super) static METHODS: &[Method] = &[
    Method {
        name: "event_subscribe",
        summary: "Streams every event from a height on; WebSocket only.",
        params: &[opt::<Height>("fromHeight"), opt::<EventFilter>("filter")],
        run: Run::Subscribe,
    },
    Method {
        name: "event_unsubscribe",
        summary: "Ends a stream; whether there was one.",
        params: &[req::<String>("subscription")],
        run: Run::Unsubscribe,
    },
    query!(
        "event_list",
        "Events of finalized blocks, oldest first.",
        [opt::<Height>("fromHeight"), opt::<EventFilter>("filter"), CURSOR, LIMIT],
        |b, p| events::list(b, &p)
    ),
];
