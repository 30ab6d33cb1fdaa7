//! `market_*`.

use super::{CURSOR, LIMIT, Method, query, req};
use wattle_primitives::Hash;
use wattle_primitives::units::IntervalId;

pub(super) static METHODS: &[Method] = &[
    query!(
        "market_listTrades",
        "The trades of an interval, in the order in which they were matched.",
        [req::<Hash>("microgrid"), req::<IntervalId>("interval"), CURSOR, LIMIT],
        |b, p| b.market_trades(p.get("microgrid")?, p.get("interval")?, p.page()?)
    ),
    query!(
        "market_orderBook",
        "The orders that stand for an interval, by price.",
        [req::<Hash>("microgrid"), req::<IntervalId>("interval")],
        |b, p| b.market_order_book(p.get("microgrid")?, p.get("interval")?)
    ),
    query!(
        "market_listOrders",
        "The orders that stand for an interval, in the order in which they were placed.",
        [req::<Hash>("microgrid"), req::<IntervalId>("interval"), CURSOR, LIMIT],
        |b, p| b.market_orders(p.get("microgrid")?, p.get("interval")?, p.page()?)
    ),
    query!("market_getOrder", "An order that stands.", [req::<Hash>("order")], |b, p| {
        b.market_order(p.get("order")?)
    }),
];
