//! Intervals, orders, deals.

use super::super::{NodeBackend, View, at, page, storage};
use super::statement;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Event, Hash, TimeMs, WattHours};
use wattle_rpc::types::{
    AcceptanceInfo, Anchored, BookLevel, DealInfo, EventItem, EventPosition, IntervalInfo, IntervalState,
    MeasuredInfo, OrderBook, OrderInfo, Page, PageRequest, SettlementInfo,
};
use wattle_rpc::{RpcError, RpcResult};
use wattle_runtime::modules::deals::records::DealState;
use wattle_runtime::modules::energy::records::{Agenda, Step};
use wattle_runtime::query::{
    self, DealView, LevelView, MeasuredView, MicrogridView, OrderView, SettlementView,
};

/// Most prices of one side of an order book.
const LEVELS_MAX: usize = 200;

/// A microgrid that must be there.
pub(super) fn grid(view: &View, id: &Hash) -> RpcResult<MicrogridView> {
    query::microgrid(&view.state, id).ok_or_else(|| RpcError::not_found("microgrid", id))
}

pub(in crate::views) fn interval(
    node: &NodeBackend,
    microgrid: Hash,
    interval: IntervalId,
) -> RpcResult<Anchored<IntervalInfo>> {
    let view = node.shared.view();
    let grid = grid(&view, &microgrid)?;
    let events = told(node, &view, &grid, interval)?;
    let found = query::interval(&view.state, &microgrid, interval);
    let mut value = IntervalInfo {
        microgrid,
        interval,
        start_ms: start_of(&grid, interval),
        end_ms: start_of(&grid, interval.next()),
        state: state(grid.agenda.as_ref(), interval, found.map(|found| found.step)),
        orders: found.map(|found| found.orders),
        traded_wh: WattHours::ZERO,
        trades: None,
        price: None,
        settlement: query::settlement(&view.state, &microgrid, interval).map(settlement_info),
        events,
    };
    if value.orders.is_none() && value.state != IntervalState::Final {
        value.orders = Some(0);
    }
    for item in &value.events {
        match &item.event {
            Event::MarketCleared { price, wh, trades, .. } => {
                (value.price, value.traded_wh, value.trades) = (*price, *wh, Some(*trades));
            }
            Event::IntervalSettled { traded_wh, .. } => value.traded_wh = *traded_wh,
            _ => {}
        }
    }
    // While the work is under way its record knows more: deals as well.
    if let Some(found) = found {
        value.traded_wh = value.traded_wh.max(found.traded_wh);
    }
    Ok(Anchored { at: at(&view), value })
}

/// What the microgrid's statement tells of an interval.
///
/// # Errors
/// `not_found` for an interval before the first terms: nothing of it was ever settled.
fn told(
    node: &NodeBackend,
    view: &View,
    grid: &MicrogridView,
    interval: IntervalId,
) -> RpcResult<Vec<EventItem>> {
    let missing = || RpcError::not_found("interval", interval);
    let terms = query::terms_at(&view.state, &grid.id, interval).ok_or_else(missing)?.terms;
    let (start, end) = (start_of(grid, interval), start_of(grid, interval.next()));
    let Some(agenda) = grid.agenda else { return Ok(Vec::new()) };
    let done = [
        (interval < agenda.clear && terms.takes_orders(), start.saturating_sub(terms.gate_closure_ms)),
        (interval < agenda.settle, end.saturating_add(terms.grace_ms)),
        (interval < agenda.finalize, end.saturating_add(terms.late_window_ms)),
    ];
    statement::of_interval(node, &grid.id, interval, done.map(|(done, due)| done.then_some(due)))
}

const fn start_of(grid: &MicrogridView, interval: IntervalId) -> TimeMs {
    TimeMs(interval.0.saturating_mul(grid.interval_ms.0))
}

const fn settlement_info(found: SettlementView) -> SettlementInfo {
    let SettlementView { accounts, subs, feeders, .. } = found;
    SettlementInfo { accounts, members: measured(subs), feeders: measured(feeders) }
}

const fn measured(found: MeasuredView) -> MeasuredInfo {
    let MeasuredView { meters, estimated, import_wh, export_wh } = found;
    MeasuredInfo { meters, estimated, import_wh, export_wh }
}

/// An interval's trades. They happen in the block that clears the market, among its own events.
pub(in crate::views) fn trades(
    node: &NodeBackend,
    microgrid: Hash,
    interval: IntervalId,
    page: &PageRequest,
) -> RpcResult<Page<EventItem>> {
    let view = node.shared.view();
    let grid = grid(&view, &microgrid)?;
    let events = told(node, &view, &grid, interval)?;
    let cleared = events.iter().find(|item| matches!(item.event, Event::MarketCleared { .. }));
    let Some(EventItem { position, time_ms, tx, .. }) = cleared else {
        return Ok(Page { at: at(&view), items: Vec::new(), next_cursor: None });
    };
    let receipts = node.shared.store.receipts(position.height).map_err(storage)?.unwrap_or_default();
    let (from, limit) = (page::one::<u32>(page)?.unwrap_or(0), page::limit(page));
    let of_interval = |event: &Event| matches!(event, Event::Traded { microgrid: id, interval: at, .. } if (*id, *at) == (microgrid, interval));
    let numbered = (0u32..).zip(receipts.block).filter(|(index, event)| *index >= from && of_interval(event));
    let mut items: Vec<EventItem> = numbered
        .take(limit.saturating_add(1))
        .map(|(index, event)| {
            let position = EventPosition { height: position.height, index };
            EventItem { position, time_ms: *time_ms, tx: *tx, event }
        })
        .collect();
    let next_cursor =
        (items.len() > limit).then(|| items.pop().map(|item| item.position.index.to_string())).flatten();
    Ok(Page { at: at(&view), items, next_cursor })
}

/// A microgrid's open requests and deals.
pub(in crate::views) fn deals(
    node: &NodeBackend,
    microgrid: Hash,
    page: &PageRequest,
) -> RpcResult<Page<DealInfo>> {
    let view = node.shared.view();
    grid(&view, &microgrid)?;
    let (from, limit) = (page::one::<u32>(page)?.unwrap_or(0), page::limit(page));
    let mut found = query::deals(&view.state, &microgrid, from, limit.saturating_add(1));
    let next_cursor = (found.len() > limit).then(|| from.saturating_add(page.limit).to_string());
    found.truncate(limit);
    let items = found.into_iter().map(|deal| deal_info(deal, view.header.time_ms)).collect();
    Ok(Page { at: at(&view), items, next_cursor })
}

/// Where an interval stands: by the step under way, or by what the microgrid has done.
fn state(agenda: Option<&Agenda>, interval: IntervalId, step: Option<Step>) -> IntervalState {
    let Some(agenda) = agenda else { return IntervalState::Open };
    match step {
        Some(Step::Release { .. }) => IntervalState::Clearing,
        Some(Step::Measure { .. } | Step::Sum { .. } | Step::Post { .. } | Step::Pay { .. }) => {
            IntervalState::Settling
        }
        _ if interval < agenda.finalize => IntervalState::Final,
        _ if interval < agenda.settle => IntervalState::Settled,
        _ if interval < agenda.clear => IntervalState::Cleared,
        _ => IntervalState::Open,
    }
}

pub(in crate::views) fn order_book(
    node: &NodeBackend,
    microgrid: Hash,
    interval: IntervalId,
) -> RpcResult<Anchored<OrderBook>> {
    let view = node.shared.view();
    grid(&view, &microgrid)?;
    let found = query::order_book(&view.state, &microgrid, interval, view.header.time_ms);
    let truncated = found.bids.len().max(found.offers.len()) > LEVELS_MAX;
    let levels = |side: Vec<LevelView>| {
        let level = |LevelView { price, wh, orders }: LevelView| BookLevel { price, wh, orders };
        side.into_iter().take(LEVELS_MAX).map(level).collect()
    };
    let (bids, offers) = (levels(found.bids), levels(found.offers));
    Ok(Anchored { at: at(&view), value: OrderBook { microgrid, interval, bids, offers, truncated } })
}

pub(in crate::views) fn orders(
    node: &NodeBackend,
    microgrid: Hash,
    interval: IntervalId,
    page: &PageRequest,
) -> RpcResult<Page<OrderInfo>> {
    let view = node.shared.view();
    grid(&view, &microgrid)?;
    let (from, limit) = (page::one::<u32>(page)?.unwrap_or(0), page::limit(page));
    let mut found = query::orders(&view.state, &microgrid, interval, from, limit.saturating_add(1));
    let next_cursor =
        (found.len() > limit).then(|| found.pop().map(|order| order.index.to_string())).flatten();
    Ok(Page { at: at(&view), items: found.into_iter().map(order_info).collect(), next_cursor })
}

pub(in crate::views) fn order(node: &NodeBackend, id: Hash) -> RpcResult<Anchored<OrderInfo>> {
    let view = node.shared.view();
    let order = query::order(&view.state, &id).ok_or_else(|| RpcError::not_found("order", id))?;
    Ok(Anchored { at: at(&view), value: order_info(order) })
}

fn order_info(order: OrderView) -> OrderInfo {
    let OrderView {
        id, microgrid, interval, account, side, price, wh, partner, expires_ms, filled_wh, ..
    } = order;
    OrderInfo { order: id, microgrid, interval, account, side, price, wh, partner, expires_ms, filled_wh }
}

pub(in crate::views) fn deal(node: &NodeBackend, id: Hash) -> RpcResult<Anchored<DealInfo>> {
    let view = node.shared.view();
    let deal = query::deal(&view.state, &id).ok_or_else(|| RpcError::not_found("deal", id))?;
    Ok(Anchored { at: at(&view), value: deal_info(deal, view.header.time_ms) })
}

fn deal_info(deal: DealView, now: TimeMs) -> DealInfo {
    let (state, partner) = match deal.state {
        DealState::Requested => ("requested", None),
        DealState::Confirmed { partner } => ("confirmed", Some(partner)),
        DealState::Authorised { partner, .. } => ("authorised", Some(partner)),
    };
    let (funding, margin_wh, seq, used_wh, meter) = match deal.state {
        DealState::Authorised { funding, margin_wh, seq, used_wh, meter, .. } => {
            (Some(funding), margin_wh, seq, used_wh, Some(meter))
        }
        _ => (None, WattHours::ZERO, 0, WattHours::ZERO, None),
    };
    let acceptances = deal.acceptances.into_iter().map(|acceptance| AcceptanceInfo {
        account: acceptance.account,
        wh_max: acceptance.wh_max,
        price: acceptance.price,
    });
    let remaining_wh = deal.wh.saturating_sub(used_wh);
    DealInfo {
        deal: deal.id,
        microgrid: deal.microgrid,
        state: state.to_owned(),
        requester: deal.requester,
        side: deal.side,
        wh: deal.wh,
        wh_min: deal.wh_min,
        unit_wh: deal.unit_wh,
        price: deal.price,
        expires_ms: deal.expires_ms,
        partner,
        funding,
        reserved: deal.reserved,
        margin_wh,
        meter,
        seq,
        used_wh,
        remaining_wh,
        stop: remaining_wh == WattHours::ZERO || deal.expires_ms <= now,
        acceptances: acceptances.collect(),
    }
}

/// The interval that is running.
pub(super) fn current(interval_ms: TimeMs, now: TimeMs) -> IntervalId {
    IntervalId(now.0.checked_div(interval_ms.0).unwrap_or(0))
}
