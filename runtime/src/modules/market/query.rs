//! Orders of an interval, and the book that they make.

use super::records::Order;
use crate::State;
use crate::keys;
use crate::modules::list::PAGE_ITEMS_MAX;
use std::collections::BTreeMap;
use wattle_primitives::call::market::Side;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Amount, Hash, TimeMs, WattHours};

/// An interval's orders by id, in the order of placing, from number `from`, at most `limit`. Ended ones are missing.
#[must_use]
pub fn orders(state: &State, id: &Hash, at: IntervalId, from: u32, limit: usize) -> Vec<(Hash, Order)> {
    let count = state.read(keys::interval(id, at)).map_or(0, |interval| interval.orders);
    (from..count).filter_map(|index| order_at(state, id, at, index)).take(limit.min(PAGE_ITEMS_MAX)).collect()
}

fn order_at(state: &State, id: &Hash, at: IntervalId, index: u32) -> Option<(Hash, Order)> {
    let order = state.read(keys::order_index(id, at, index))?;
    Some((order, state.read(keys::order(&order))?))
}

/// All orders of one side at one price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Energy that has not been filled.
    pub wh: WattHours,
    /// How many orders.
    pub orders: u32,
}

/// An interval's orders by side and price: the energy not filled yet, without orders whose own time is over at `now`.
#[must_use]
pub fn order_book(state: &State, id: &Hash, at: IntervalId, now: TimeMs) -> BTreeMap<(Side, Amount), Level> {
    let count = state.read(keys::interval(id, at)).map_or(0, |interval| interval.orders);
    let mut levels: BTreeMap<(Side, Amount), Level> = BTreeMap::new();
    for (_, order) in (0..count).filter_map(|index| order_at(state, id, at, index)) {
        if order.expires_ms.is_some_and(|until| until <= now) || order.filled_wh >= order.wh {
            continue;
        }
        let level = levels.entry((order.side, order.price)).or_default();
        level.wh = level.wh.saturating_add(order.wh.saturating_sub(order.filled_wh));
        level.orders = level.orders.saturating_add(1);
    }
    levels
}
