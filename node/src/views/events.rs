//! Pages of events.

use super::{NodeBackend, storage};
use wattle_primitives::{BlockId, Height, TimeMs};
use wattle_rpc_types::limits::EVENTS_FETCH_HEIGHTS_MAX;
use wattle_rpc_types::{EventItem, EventPage, EventPosition, EventQueries, RpcError, RpcResult};
use wattle_runtime::store::{EVENT_BLOCKS_MAX, EventItem as StoredEvent};

const _: () =
    assert!(EVENT_BLOCKS_MAX == EVENTS_FETCH_HEIGHTS_MAX, "a turn is as long as the interface promises");

impl EventQueries for NodeBackend {
    fn events(&self, from: EventPosition, limit: u32) -> RpcResult<EventPage> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found = self.shared.store.events(from.height, from.index, limit).map_err(storage)?;
        let (height, index) = found.next;
        Ok(EventPage { items: dated(self, found.items)?, next: EventPosition { height, index } })
    }
}

/// Events with the times of their blocks; a block is looked up once where neighbours share it.
pub(super) fn dated(node: &NodeBackend, found: Vec<StoredEvent>) -> RpcResult<Vec<EventItem>> {
    let mut time: Option<(Height, TimeMs)> = None;
    let mut items = Vec::with_capacity(found.len());
    for item in found {
        let time_ms = match time {
            Some((height, time_ms)) if height == item.height => time_ms,
            _ => time_of(node, item.height)?,
        };
        time = Some((item.height, time_ms));
        let position = EventPosition { height: item.height, index: item.index };
        items.push(EventItem { position, time_ms, tx: item.tx, event: item.event });
    }
    Ok(items)
}

fn time_of(node: &NodeBackend, height: Height) -> RpcResult<TimeMs> {
    let header = node.shared.store.header(BlockId::Height(height)).map_err(storage)?;
    header.map(|header| header.time_ms).ok_or_else(|| RpcError::internal("a block with events has no header"))
}
