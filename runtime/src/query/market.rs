//! Orders, intervals and deals.

use super::{PAGE_ITEMS_MAX, page};
use crate::State;
use crate::keys;
use crate::modules::deals::records::{Acceptance, Deal, DealState};
use crate::modules::deals::reserved;
use crate::modules::energy::records::{Interval, Step};
use crate::modules::market::records::Order;
use std::collections::BTreeMap;
use wattle_primitives::call::market::Side;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, TimeMs, WattHours};

/// An order that stands, or that is matched and not yet wound up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// Its id.
    pub id: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// The interval.
    pub interval: IntervalId,
    /// Its number in the interval: time priority.
    pub index: u32,
    /// Whose.
    pub account: Address,
    /// Bid or offer.
    pub side: Side,
    /// Base units per kWh.
    pub price: Amount,
    /// Energy.
    pub wh: WattHours,
    /// With whom rather than with others.
    pub partner: Option<Address>,
    /// First block time at which it no longer stands, if not the end of the interval.
    pub expires_ms: Option<TimeMs>,
    /// What is held of its owner's wallet.
    pub reserved: Amount,
    /// What has been filled.
    pub filled_wh: WattHours,
}

/// All orders of one side at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelView {
    /// Base units per kWh.
    pub price: Amount,
    /// Energy.
    pub wh: WattHours,
    /// How many orders.
    pub orders: u32,
}

/// An interval's orders by price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderBookView {
    /// Bids, the highest first.
    pub bids: Vec<LevelView>,
    /// Offers, the lowest first.
    pub offers: Vec<LevelView>,
}

/// An interval of a microgrid with orders, trades or settlement under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalView {
    /// The interval.
    pub interval: IntervalId,
    /// Orders placed so far, ended ones included.
    pub orders: u32,
    /// Energy traded in the market and by deals.
    pub traded_wh: WattHours,
    /// Price of a uniform clearing with trades.
    pub price: Option<Amount>,
    /// Where its work stands.
    pub step: Step,
}

/// A request for a deal, or the deal it became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DealView {
    /// Its id.
    pub id: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// Who asked.
    pub requester: Address,
    /// On which side.
    pub side: Side,
    /// Most energy; the deal's own once it is confirmed.
    pub wh: WattHours,
    /// Least energy.
    pub wh_min: WattHours,
    /// Whole multiples of this.
    pub unit_wh: WattHours,
    /// Base units per kWh; the charging side's once it is confirmed.
    pub price: Amount,
    /// When it ends by itself.
    pub expires_ms: TimeMs,
    /// Where it stands.
    pub state: DealState,
    /// What an authorisation has reserved.
    pub reserved: Amount,
    /// Acceptances that stand, in the order in which they came.
    pub acceptances: Vec<AcceptanceView>,
}

/// An acceptance of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptanceView {
    /// Whose.
    pub account: Address,
    /// Most energy.
    pub wh_max: WattHours,
    /// Base units per kWh; it counts when this side charges.
    pub price: Amount,
}

/// An order, until it has ended.
#[must_use]
pub fn order(state: &State, id: &Hash) -> Option<OrderView> {
    let order: Order = state.read(keys::order(id))?;
    let Order { microgrid, interval, index, account, side, price, wh, .. } = order;
    let Order { partner, expires_ms, reserved, filled_wh, .. } = order;
    let id = *id;
    Some(OrderView {
        id,
        microgrid,
        interval,
        index,
        account,
        side,
        price,
        wh,
        partner,
        expires_ms,
        reserved,
        filled_wh,
    })
}

/// An interval's orders in the order of placing, from number `from`, at most `limit`. Ended ones are missing.
#[must_use]
pub fn orders(state: &State, id: &Hash, at: IntervalId, from: u32, limit: usize) -> Vec<OrderView> {
    let count = interval(state, id, at).map_or(0, |record| record.orders);
    (from..count)
        .filter_map(|index| order(state, &state.read(keys::order_index(id, at, index))?))
        .take(limit.min(PAGE_ITEMS_MAX))
        .collect()
}

/// An interval's orders by price: what of them has not been filled, those aside whose own time is over at `now`.
#[must_use]
pub fn order_book(state: &State, id: &Hash, at: IntervalId, now: TimeMs) -> OrderBookView {
    let count = interval(state, id, at).map_or(0, |record| record.orders);
    let mut levels: BTreeMap<(Side, Amount), LevelView> = BTreeMap::new();
    for index in 0..count {
        let Some(order_id) = state.read(keys::order_index(id, at, index)) else { continue };
        let Some(order) = state.read(keys::order(&order_id)) else { continue };
        if order.expires_ms.is_some_and(|until| until <= now) || order.filled_wh >= order.wh {
            continue;
        }
        let level = levels.entry((order.side, order.price));
        let level = level.or_insert(LevelView { price: order.price, wh: WattHours::ZERO, orders: 0 });
        level.wh = level.wh.saturating_add(order.wh.saturating_sub(order.filled_wh));
        level.orders = level.orders.saturating_add(1);
    }
    let of = |side| levels.range((side, Amount::ZERO)..=(side, Amount::MAX)).map(|(_, level)| *level);
    OrderBookView { bids: of(Side::Buy).rev().collect(), offers: of(Side::Sell).collect() }
}

/// An interval with orders, trades or settlement under way.
#[must_use]
pub fn interval(state: &State, id: &Hash, at: IntervalId) -> Option<IntervalView> {
    let Interval { orders, traded_wh, price, step, .. } = state.read(keys::interval(id, at))?;
    Some(IntervalView { interval: at, orders, traded_wh, price, step })
}

/// A request for a deal, or a deal, until it has ended.
#[must_use]
pub fn deal(state: &State, id: &Hash) -> Option<DealView> {
    let deal: Deal = state.read(keys::deal(id))?;
    let held = matches!(deal.state, DealState::Authorised { .. });
    let acceptance = |account: &Address| {
        let Acceptance { wh_max, price, .. } = state.read(keys::acceptance(id, account))?;
        Some(AcceptanceView { account: *account, wh_max, price })
    };
    Some(DealView {
        id: *id,
        microgrid: deal.microgrid,
        requester: deal.requester,
        side: deal.side,
        wh: deal.wh,
        wh_min: deal.wh_min,
        unit_wh: deal.unit_wh,
        price: deal.price,
        expires_ms: deal.expires_ms,
        state: deal.state,
        reserved: if held { reserved(&deal) } else { Amount::ZERO },
        acceptances: deal.acceptors.iter().filter_map(acceptance).collect(),
    })
}

/// A microgrid's open requests and deals from place `from` of its list, at most `limit`. The list has no gaps; when one
/// ends, the last takes its place.
#[must_use]
pub fn deals(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<DealView> {
    let count = state.read(keys::deal_count(id)).unwrap_or(0);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::deal_index(id, index)))
        .filter_map(|deal_id| deal(state, &deal_id))
        .collect()
}
