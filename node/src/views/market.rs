//! Orders, the order book, trades.

use super::energy::{grid, interval};
use super::{NodeBackend, at, page, storage};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Event, Hash};
use wattle_rpc_types::{
    Anchored, BookLevel, EventItem, EventPosition, MarketQueries, OrderBook, OrderInfo, Page, PageRequest,
    RpcError, RpcResult,
};
use wattle_runtime::query::{self, LevelView, OrderView};

/// Most prices of one side of an order book.
const LEVELS_MAX: usize = 200;

impl MarketQueries for NodeBackend {
    fn energy_trades(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<EventItem>> {
        let view = self.shared.view();
        let grid = grid(&view, &microgrid)?;
        let events = interval::told(self, &view, &grid, interval)?;
        let cleared = events.iter().find(|item| matches!(item.event, Event::MarketCleared { .. }));
        let Some(EventItem { position, time_ms, tx, .. }) = cleared else {
            return Ok(Page { at: at(&view), items: Vec::new(), next_cursor: None });
        };
        let receipts = self.shared.store.receipts(position.height).map_err(storage)?.unwrap_or_default();
        let (from, limit) = (page::one::<u32>(&page)?.unwrap_or(0), page::limit(&page));
        let of_interval = |event: &Event| matches!(event, Event::Traded { microgrid: id, interval: at, .. } if (*id, *at) == (microgrid, interval));
        let numbered =
            (0u32..).zip(receipts.block).filter(|(index, event)| *index >= from && of_interval(event));
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

    fn energy_order_book(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<OrderBook>> {
        let view = self.shared.view();
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

    fn energy_orders(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<OrderInfo>> {
        let view = self.shared.view();
        grid(&view, &microgrid)?;
        let (from, limit) = (page::one::<u32>(&page)?.unwrap_or(0), page::limit(&page));
        let mut found = query::orders(&view.state, &microgrid, interval, from, limit.saturating_add(1));
        let next_cursor =
            (found.len() > limit).then(|| found.pop().map(|order| order.index.to_string())).flatten();
        Ok(Page { at: at(&view), items: found.into_iter().map(order_info).collect(), next_cursor })
    }

    fn energy_order(&self, id: Hash) -> RpcResult<Anchored<OrderInfo>> {
        let view = self.shared.view();
        let order = query::order(&view.state, &id).ok_or_else(|| RpcError::not_found("order", id))?;
        Ok(Anchored { at: at(&view), value: order_info(order) })
    }
}

fn order_info(order: OrderView) -> OrderInfo {
    let OrderView {
        id, microgrid, interval, account, side, price, wh, partner, expires_ms, filled_wh, ..
    } = order;
    OrderInfo { order: id, microgrid, interval, account, side, price, wh, partner, expires_ms, filled_wh }
}
