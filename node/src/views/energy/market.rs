//! Intervals, orders, deals.

use super::super::{NodeBackend, View, at, page};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, TimeMs, WattHours};
use wattle_rpc::types::{
    AcceptanceInfo, Anchored, BookLevel, DealInfo, IntervalInfo, IntervalState, OrderBook, OrderInfo, Page,
    PageRequest,
};
use wattle_rpc::{RpcError, RpcResult};
use wattle_runtime::modules::energy::records::{Agenda, DealState, Step};
use wattle_runtime::query::{self, DealView, LevelView, MicrogridView, OrderView};

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
    let found = query::interval(&view.state, &microgrid, interval);
    let start_ms = TimeMs(interval.0.saturating_mul(grid.interval_ms.0));
    let value = IntervalInfo {
        microgrid,
        interval,
        start_ms,
        end_ms: start_ms.saturating_add(grid.interval_ms),
        state: state(grid.agenda.as_ref(), interval, found.map(|found| found.step)),
        orders: found.map_or(0, |found| found.orders),
        traded_wh: found.map_or(WattHours::ZERO, |found| found.traded_wh),
        price: found.and_then(|found| found.price),
    };
    Ok(Anchored { at: at(&view), value })
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
    let (state, partner, funding, used_wh) = match deal.state {
        DealState::Requested => ("requested", None, None, WattHours::ZERO),
        DealState::Confirmed { partner } => ("confirmed", Some(partner), None, WattHours::ZERO),
        DealState::Authorised { partner, funding, used_wh, .. } => {
            ("authorised", Some(partner), Some(funding), used_wh)
        }
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
