//! Orders, the order book, trades.

use super::energy::{grid, interval};
use super::{NodeBackend, at, page, storage};
use wattle_primitives::call::market::Side;
use wattle_primitives::event::MarketEvent;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Amount, Event, Hash};
use wattle_rpc_types::{
    Anchored, BookLevel, EventItem, EventPosition, MarketQueries, OrderBook, OrderInfo, Page, PageRequest,
    RpcError, RpcResult,
};
use wattle_runtime::modules::market::records::Order;
use wattle_runtime::query::Level;
use wattle_runtime::{keys, query};

/// Most prices of one side of an order book.
const LEVELS_MAX: usize = 200;

impl MarketQueries for NodeBackend {
    fn market_trades(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<EventItem>> {
        let view = self.shared.view();
        let grid = grid(&view, &microgrid)?;
        let events = interval::told(self, &view, &microgrid, &grid, interval)?;
        let cleared =
            events.iter().find(|item| matches!(item.event, Event::Market(MarketEvent::MarketCleared { .. })));
        let Some(EventItem { position, time_ms, tx, .. }) = cleared else {
            return Ok(Page { at: at(&view), items: Vec::new(), next_cursor: None });
        };
        let receipts = self.shared.store.receipts(position.height).map_err(storage)?.unwrap_or_default();
        let (from, limit) = (page::one::<u32>(&page)?.unwrap_or(0), page::limit(&page));
        let of_interval = |event: &Event| matches!(event, Event::Market(MarketEvent::Traded { microgrid: id, interval: at, .. }) if (*id, *at) == (microgrid, interval));
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

    fn market_order_book(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<OrderBook>> {
        let view = self.shared.view();
        grid(&view, &microgrid)?;
        let found = query::order_book(&view.state, &microgrid, interval, view.header.time_ms);
        let of = |side| found.range((side, Amount::ZERO)..=(side, Amount::MAX)).map(level);
        let bids: Vec<BookLevel> = of(Side::Buy).rev().take(LEVELS_MAX).collect();
        let offers: Vec<BookLevel> = of(Side::Sell).take(LEVELS_MAX).collect();
        let truncated = bids.len().saturating_add(offers.len()) < found.len();
        Ok(Anchored { at: at(&view), value: OrderBook { microgrid, interval, bids, offers, truncated } })
    }

    fn market_orders(
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
            (found.len() > limit).then(|| found.pop().map(|(_, order)| order.index.to_string())).flatten();
        Ok(Page { at: at(&view), items: found.into_iter().map(order_info).collect(), next_cursor })
    }

    fn market_order(&self, id: Hash) -> RpcResult<Anchored<OrderInfo>> {
        let view = self.shared.view();
        let order = view.state.read(keys::order(&id)).ok_or_else(|| RpcError::not_found("order", id))?;
        Ok(Anchored { at: at(&view), value: order_info((id, order)) })
    }
}

fn level(((_, price), level): (&(Side, Amount), &Level)) -> BookLevel {
    BookLevel { price: *price, wh: level.wh, orders: level.orders }
}

fn order_info((id, order): (Hash, Order)) -> OrderInfo {
    let Order { microgrid, interval, account, side, price, wh, partner, expires_ms, filled_wh, .. } = order;
    OrderInfo { order: id, microgrid, interval, account, side, price, wh, partner, expires_ms, filled_wh }
}
