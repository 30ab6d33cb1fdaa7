//! Microgrids, meters, readings.

pub(super) mod disputes;
pub(super) mod grid;
pub(super) mod market;
pub(super) mod statement;

use super::{NodeBackend, View, at, page, storage};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::units::BookId;
use wattle_primitives::{Address, Amount, Event, Hash, Height, TimeMs, WattHours};
use wattle_rpc::types::{
    Anchored, EventPosition, MeterInfo, MicrogridInfo, Page, PageRequest, ReadingItem, ReadingsRequest,
};
use wattle_rpc::{RpcError, RpcResult};
use wattle_runtime::query::{self, MeterView, MicrogridView};
use wattle_runtime::store::{HistoryCursor, HistoryItem};

/// Most microgrids looked at for one page of meters: a page that stops here has a cursor and fewer items.
const GRIDS_MAX: u32 = 1000;
/// Most transactions looked at for one page of readings: a page that stops here has a cursor and fewer items.
const ROWS_MAX: usize = 400;

pub(super) fn microgrid_info(view: &View, grid: MicrogridView) -> MicrogridInfo {
    let MicrogridView { id, operator, asset, interval_ms, meters, book, members, terms, agenda } = grid;
    let due = query::due(&view.state, BookId::PUBLIC, book, asset);
    MicrogridInfo {
        id,
        operator,
        asset,
        interval_ms,
        meters,
        book,
        members,
        terms,
        cash: due.credits_posted.saturating_sub(due.debits_posted),
        current: market::current(interval_ms, view.header.time_ms),
        next_clear: agenda.map(|agenda| agenda.clear),
        next_settle: agenda.map(|agenda| agenda.settle),
        next_final: agenda.map(|agenda| agenda.finalize),
    }
}

fn meter_info(node: &NodeBackend, view: &View, meter: &MeterView) -> RpcResult<MeterInfo> {
    let last = meter.last;
    let settled = query::settled_meter(&view.state, &meter.meter);
    Ok(MeterInfo {
        address: meter.meter,
        microgrid: meter.microgrid,
        key: node.meter_keys.of(node, &meter.meter)?,
        owner: meter.owner,
        encoding: meter.encoding,
        role: meter.role,
        power_max_w: meter.power_max_w,
        replaced_by: meter.replaced_by,
        seq: last.map_or(0, |last| last.seq),
        import_wh: last.map_or(WattHours::ZERO, |last| last.import_wh),
        export_wh: last.map_or(WattHours::ZERO, |last| last.export_wh),
        time_ms: last.map_or(TimeMs::ZERO, |last| last.time_ms),
        settled_until: settled.map(|settled| settled.until),
        silent_since_ms: settled.and_then(|settled| settled.silent_since_ms),
        estimated: settled.map_or(Amount::ZERO, |settled| settled.estimated),
    })
}

pub(super) fn microgrids(node: &NodeBackend, page: &PageRequest) -> RpcResult<Page<MicrogridInfo>> {
    let view = node.shared.view();
    let (from, limit) = (page::one::<u32>(page)?.unwrap_or(0), page::limit(page));
    let mut grids = query::microgrids(&view.state, from, limit.saturating_add(1));
    let next_cursor = (grids.len() > limit).then(|| from.saturating_add(page.limit).to_string());
    grids.truncate(limit);
    Ok(Page {
        at: at(&view),
        items: grids.into_iter().map(|grid| microgrid_info(&view, grid)).collect(),
        next_cursor,
    })
}

pub(super) fn microgrid(node: &NodeBackend, id: Hash) -> RpcResult<Anchored<MicrogridInfo>> {
    let view = node.shared.view();
    let grid = query::microgrid(&view.state, &id).ok_or_else(|| RpcError::not_found("microgrid", id))?;
    Ok(Anchored { at: at(&view), value: microgrid_info(&view, grid) })
}

pub(super) fn meter(node: &NodeBackend, address: Address) -> RpcResult<Anchored<MeterInfo>> {
    let view = node.shared.view();
    let meter = query::meter(&view.state, &address).ok_or_else(|| RpcError::not_found("meter", address))?;
    Ok(Anchored { at: at(&view), value: meter_info(node, &view, &meter)? })
}

/// A cursor names a microgrid by its number and the next meter in it; with one microgrid asked for, the number is 0.
pub(super) fn meters(
    node: &NodeBackend,
    microgrid: Option<Hash>,
    page: &PageRequest,
) -> RpcResult<Page<MeterInfo>> {
    let view = node.shared.view();
    let (limit, (first, mut from)) = (page::limit(page), page::two::<u32, u32>(page)?.unwrap_or((0, 0)));
    let grid_at = |number: u32| match microgrid {
        Some(id) if number == 0 => query::microgrid(&view.state, &id),
        Some(_) => None,
        None => query::microgrids(&view.state, number, 1).pop(),
    };
    if let Some(id) = microgrid
        && query::microgrid(&view.state, &id).is_none()
    {
        return Err(RpcError::not_found("microgrid", id));
    }
    let (mut items, mut number, last) = (Vec::new(), first, first.saturating_add(GRIDS_MAX));
    let next_cursor = loop {
        let Some(grid) = grid_at(number) else { break None };
        if items.len() >= limit || number >= last {
            break Some(format!("{number}-{from}"));
        }
        let found = query::meters(&view.state, &grid.id, from, limit.saturating_sub(items.len()));
        from = from.saturating_add(super::chain::count(found.len()));
        for meter in &found {
            items.push(meter_info(node, &view, meter)?);
        }
        if from >= grid.meters || found.is_empty() {
            (number, from) = (number.saturating_add(1), 0);
        }
    };
    Ok(Page { at: at(&view), items, next_cursor })
}

/// Where a page of readings goes on: below this event of this transaction, newest first.
#[derive(Clone, Copy)]
struct Place {
    height: Height,
    tx: u32,
    /// Only events below this one are still to come.
    event: u32,
}

pub(super) fn readings(
    node: &NodeBackend,
    request: &ReadingsRequest,
    page: &PageRequest,
) -> RpcResult<Page<ReadingItem>> {
    let ReadingsRequest { meter, from_ms, to_ms } = *request;
    let view = node.shared.view();
    if query::meter(&view.state, &meter).is_none() {
        return Err(RpcError::not_found("meter", meter));
    }
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
    let next_cursor = next.map(|at| format!("{}-{}-{}", at.height, at.tx, at.event));
    Ok(Page { at: at(&view), items, next_cursor })
}

/// The readings that one transaction brought, newest first, below event `below` of the block.
fn of_row(
    node: &NodeBackend,
    meter: &Address,
    row: &HistoryItem,
    below: Option<u32>,
) -> RpcResult<Vec<ReadingItem>> {
    if row.outcome != wattle_primitives::Outcome::Success || below == Some(0) {
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
    super::chain::count(before.fold(receipts.block.len(), usize::saturating_add))
}

fn reading_item(wanted: &Address, row: &HistoryItem, index: u32, event: &Event) -> Option<ReadingItem> {
    match event {
        Event::Energy(EnergyEvent::ReadingAccepted { meter, seq, import_wh, export_wh, time_ms })
            if meter == wanted =>
        {
            Some(ReadingItem {
                position: EventPosition { height: row.at.height, index },
                tx: row.tx,
                meter: *meter,
                seq: *seq,
                import_wh: *import_wh,
                export_wh: *export_wh,
                time_ms: *time_ms,
                block_time_ms: row.time_ms,
            })
        }
        _ => None,
    }
}
