//! Bills and the fate of intervals: lines from the statement index, and the proof of each.

use super::super::chain::{Finality, finality, unproven};
use super::super::{NodeBackend, at, events, page, storage};
use wattle_primitives::event::{EnergyEvent, MarketEvent};
use wattle_primitives::merkle::ListProof;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Event, Hash, Height, TimeMs, encode};
use wattle_rpc::types::{At, BillRequest, EventItem, EventPosition, EventProof, Page, PageRequest};
use wattle_rpc::{RpcError, RpcResult};
use wattle_runtime::query;
use wattle_runtime::store::{StatementPage, Towards};

/// Most lines looked at for one page: a page that stops here has a cursor and fewer items.
const LINES_MAX: usize = 200;
/// Most lines looked at for one step of an interval: what is due at one time is worked off in the order of intervals, so
/// that only a long halt of the chain puts many lines before it.
const INTERVAL_LINES_MAX: usize = 2000;

/// What became of a microgrid's intervals, newest first.
pub(in crate::views) fn intervals(
    node: &NodeBackend,
    microgrid: Hash,
    page: &PageRequest,
) -> RpcResult<Page<EventItem>> {
    let view = node.shared.view();
    if query::microgrid(&view.state, &microgrid).is_none() {
        return Err(RpcError::not_found("microgrid", microgrid));
    }
    let start = page::two::<Height, u32>(page)?.unwrap_or((view.header.height, u32::MAX));
    let subject = Address(*microgrid.as_bytes());
    let found = node.shared.store.statement(&subject, start, Towards::Older, page::limit(page));
    let StatementPage { items, next } = found.map_err(storage)?;
    let items = events::dated(node, items)?;
    Ok(Page { at: at(&view), items, next_cursor: next.map(cursor) })
}

/// What a microgrid's statement tells of one interval: that it was cleared, settled, final, each looked for from the
/// time on at which it was due, `None` where it has not happened.
pub(super) fn of_interval(
    node: &NodeBackend,
    microgrid: &Hash,
    interval: IntervalId,
    due: [Option<TimeMs>; 3],
) -> RpcResult<Vec<EventItem>> {
    let (store, subject) = (&node.shared.store, Address(*microgrid.as_bytes()));
    let mut found = Vec::new();
    for (kind, due) in due.into_iter().enumerate() {
        let Some(due) = due else { continue };
        let mut next = Some((store.height_at(due).map_err(storage)?, 0));
        let mut looked = 0usize;
        while let Some(from) = next.filter(|_| looked < INTERVAL_LINES_MAX) {
            let page = store.statement(&subject, from, Towards::Newer, LINES_MAX).map_err(storage)?;
            looked = looked.saturating_add(page.items.len());
            let line = page.items.into_iter().find(|item| step_of(&item.event, interval) == Some(kind));
            next = page.next.filter(|_| line.is_none());
            found.extend(line);
        }
    }
    events::dated(node, found)
}

/// Which of its steps an event tells of the interval.
fn step_of(event: &Event, wanted: IntervalId) -> Option<usize> {
    let (step, interval) = match event {
        Event::Market(MarketEvent::MarketCleared { interval, .. }) => (0, interval),
        Event::Energy(EnergyEvent::IntervalSettled { interval, .. }) => (1, interval),
        Event::Energy(EnergyEvent::IntervalFinal { interval, .. }) => (2, interval),
        _ => return None,
    };
    (*interval == wanted).then_some(step)
}

/// An account's bill, oldest line first.
pub(in crate::views) fn bill(
    node: &NodeBackend,
    request: &BillRequest,
    page: &PageRequest,
) -> RpcResult<Page<EventItem>> {
    let view = node.shared.view();
    let store = &node.shared.store;
    let start = match page::two::<Height, u32>(page)? {
        Some(start) => start,
        None => (store.height_at(request.from_ms).map_err(storage)?, 0),
    };
    let limit = page::limit(page);
    let mut next = Some(start);
    let (mut items, mut looked) = (Vec::new(), 0usize);
    while let Some(from) = next.filter(|_| items.len() < limit && looked < LINES_MAX) {
        let room = limit.saturating_sub(items.len());
        let found = store.statement(&request.account, from, Towards::Newer, room).map_err(storage)?;
        looked = looked.saturating_add(found.items.len());
        next = found.next;
        for item in events::dated(node, found.items)? {
            if item.time_ms >= request.to_ms {
                next = None;
                break;
            }
            if request.microgrid.is_none_or(|id| item.event.concerns().microgrid == Some(id)) {
                items.push(item);
            }
        }
    }
    Ok(Page { at: at(&view), items, next_cursor: next.map(cursor) })
}

/// An event with the proof that it happened.
pub(in crate::views) fn proof(node: &NodeBackend, place: EventPosition) -> RpcResult<EventProof> {
    let EventPosition { height, index } = place;
    let missing = || RpcError::not_found("event", format!("{height}/{index}"));
    let receipts = node.shared.store.receipts(height).map_err(storage)?.ok_or_else(missing)?;
    let (leaf_index, within) = leaf_of(&receipts, index).ok_or_else(missing)?;
    let (leaf, event) = match leaf_index.checked_sub(1) {
        None => (encode(&receipts.block), receipts.block.get(within)),
        Some(tx) => match receipts.txs.get(tx) {
            Some(receipt) => (encode(receipt), receipt.events.get(within)),
            None => return Err(missing()),
        },
    };
    let event = event.cloned().ok_or_else(missing)?;
    let proof = ListProof::build(&receipts.leaves(), super::super::chain::count(leaf_index));
    let proof = proof.ok_or_else(|| RpcError::internal("a block has more receipts than a list may have"))?;
    let Finality { header, certificate, path } = finality(node, height)?.ok_or_else(unproven)?;
    let place = super::super::chain::count(within);
    Ok(EventProof {
        at: At::finalized(height),
        index,
        event,
        place,
        leaf,
        proof,
        header,
        finalization: certificate,
        path,
    })
}

/// Which leaf of the receipts holds event number `index` of the block, and its number within the leaf.
fn leaf_of(receipts: &BlockReceipts, index: u32) -> Option<(usize, usize)> {
    let mut rest = usize::try_from(index).ok()?;
    let leaves = std::iter::once(receipts.block.len()).chain(receipts.txs.iter().map(|r| r.events.len()));
    for (leaf, events) in leaves.enumerate() {
        match rest.checked_sub(events) {
            None => return Some((leaf, rest)),
            Some(after) => rest = after,
        }
    }
    None
}

fn cursor((height, index): (Height, u32)) -> String {
    format!("{height}-{index}")
}
