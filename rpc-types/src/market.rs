//! `market_*`: orders, the order book, trades.

use crate::{Anchored, EventItem, Page, PageRequest, RpcResult};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::market::Side;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, TimeMs, WattHours};

/// Queries about the market.
pub trait MarketQueries {
    /// The trades of an interval, in the order in which they were matched.
    fn market_trades(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<EventItem>>;

    /// The orders that stand for an interval, by price.
    fn market_order_book(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<OrderBook>>;

    /// The orders that stand for an interval, by number.
    fn market_orders(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<OrderInfo>>;

    /// An order that stands.
    fn market_order(&self, id: Hash) -> RpcResult<Anchored<OrderInfo>>;
}

methods![
    list!(
        "market_listTrades",
        "The trades of an interval, in the order in which they were matched.",
        market_trades(req::<Hash>("microgrid"), req::<IntervalId>("interval"))
    ),
    query!(
        "market_orderBook",
        "The orders that stand for an interval, by price.",
        market_order_book(req::<Hash>("microgrid"), req::<IntervalId>("interval"))
    ),
    list!(
        "market_listOrders",
        "The orders that stand for an interval, in the order in which they were placed.",
        market_orders(req::<Hash>("microgrid"), req::<IntervalId>("interval"))
    ),
    query!("market_getOrder", "An order that stands.", market_order(req::<Hash>("order"))),
];

/// All orders of one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BookLevel {
    /// Base units per kWh.
    pub price: Amount,
    /// Energy that none of them has been filled with yet.
    pub wh: WattHours,
    /// How many.
    pub orders: u32,
}

/// The orders that stand for an interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderBook {
    /// The microgrid.
    pub microgrid: Hash,
    /// The interval.
    pub interval: IntervalId,
    /// Highest price first.
    pub bids: Vec<BookLevel>,
    /// Lowest price first.
    pub offers: Vec<BookLevel>,
    /// Whether there are more levels than are listed.
    pub truncated: bool,
}

/// An order that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderInfo {
    /// Its id.
    pub order: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// The interval.
    pub interval: IntervalId,
    /// Who placed it.
    pub account: Address,
    /// Bid or offer.
    pub side: Side,
    /// Base units per kWh.
    pub price: Amount,
    /// Energy wanted or offered.
    pub wh: WattHours,
    /// With whom rather than with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<Address>,
    /// Block time at which it ends; when absent it stands until the market is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<TimeMs>,
    /// Energy filled; 0 before the market is cleared.
    pub filled_wh: WattHours,
}
