//! A meter's accepted readings, from the history of the meter.

use crate::views::{NodeBackend, chain, page, storage};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{Address, Event, Height, Outcome, TimeMs};
use wattle_rpc_types::{EventPosition, PageRequest, ReadingItem, ReadingsRequest, RpcError, RpcResult};
use wattle_runtime::store::{HistoryCursor, HistoryItem};

/// Most transactions looked at for one page of readings: a page that stops here has a cursor and fewer items.
const ROWS_MAX: usize = 400;

/// Where a page of readings goes on: below this event of this transaction, newest first.
#[derive(Clone, Copy)]
struct Place {
    height: Height,
    tx: u32,
    /// Only events below this one are still to come.
    event: u32,
}

/// A page of readings, newest first, and the cursor of the next.
pub(super) fn newest_first(
    node: &NodeBackend,
    request: &ReadingsRequest,
    page: &PageRequest,
) -> RpcResult<(Vec<ReadingItem>, Option<String>)> {
    let ReadingsRequest { meter, from_ms, to_ms } = *request;
    let start = page::three(page)?.map(|(height, tx, event)| Place { height, tx, event });
    // The history index names every transaction with an accepted reading of the meter.
    let mut before = match start {
        Some(at) => Some(HistoryCursor { height: at.height, index: at.tx.saturating_add(1) }),
        None if to_ms == TimeMs::MAX => None,
        None => {
            Some(HistoryCursor { height: node.shared.store.height_at(to_ms).map_err(storage)?, index: 0 })
        }
    };
    let (limit, mut items, mut rows) = (page::limit(page), Vec::new(), 0usize);
    let next = 'pages: loop {
        let found = node.shared.store.history(&meter, before, limit.min(ROWS_MAX)).map_err(storage)?;
        for row in &found.items {
            if row.time_ms < from_ms {
                break 'pages None;
            }
            let below = start.filter(|s| s.height == row.at.height && s.tx == row.at.index).map(|s| s.event);
            for item in of_row(node, &meter, row, below)? {
                if items.len() >= limit {
                    let (height, tx) = (row.at.height, row.at.index);
                    break 'pages Some(Place { height, tx, event: item.position.index.saturating_add(1) });
                }
                items.push(item);
            }
            rows = rows.saturating_add(1);
            before = Some(row.at);
            if rows >= ROWS_MAX && found.next.is_some() {
                break 'pages Some(Place { height: row.at.height, tx: row.at.index, event: 0 });
            }
        }
        if found.next.is_none() {
            break None;
        }
    };
    Ok((items, next.map(|at| format!("{}-{}-{}", at.height, at.tx, at.event))))
}

/// The readings that one transaction brought, newest first, below event `below` of the block.
fn of_row(
    node: &NodeBackend,
    meter: &Address,
    row: &HistoryItem,
    below: Option<u32>,
) -> RpcResult<Vec<ReadingItem>> {
    if row.outcome != Outcome::Success || below == Some(0) {
        return Ok(Vec::new());
    }
    let receipts = node.shared.store.receipts(row.at.height).map_err(storage)?;
    let receipts =
        receipts.ok_or_else(|| RpcError::internal("a block named in the history has no receipts"))?;
    let place = usize::try_from(row.at.index).unwrap_or(usize::MAX);
    let events = receipts.txs.get(place).map_or(&[][..], |receipt| &receipt.events);
    let numbered = (first_event(&receipts, place)..).zip(events);
    let mut items: Vec<ReadingItem> = numbered
        .filter(|(index, _)| below.is_none_or(|below| *index < below))
        .filter_map(|(index, event)| reading_item(meter, row, index, event))
        .collect();
    items.reverse();
    Ok(items)
}

/// The number, within its block, of the first event of the transaction at `place`.
fn first_event(receipts: &BlockReceipts, place: usize) -> u32 {
    let before = receipts.txs.iter().take(place).map(|receipt| receipt.events.len());
    chain::count(before.fold(receipts.block.len(), usize::saturating_add))
}

fn reading_item(wanted: &Address, row: &HistoryItem, index: u32, event: &Event) -> Option<ReadingItem> {
    let Event::Energy(EnergyEvent::ReadingAccepted { meter, seq, import_wh, export_wh, time_ms, manual }) =
        event
    else {
        return None;
    };
    (meter == wanted).then_some(ReadingItem {
        position: EventPosition { height: row.at.height, index },
        tx: row.tx,
        meter: *meter,
        seq: *seq,
        import_wh: *import_wh,
        export_wh: *export_wh,
        time_ms: *time_ms,
        manual: *manual,
        block_time_ms: row.time_ms,
    })
}
