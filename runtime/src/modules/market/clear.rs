//! Clearing an interval's market: all orders are matched at once, then wound up one after the other within each
//! block's budget.
//!
//! # Money
//! A bid's hold is captured for what its trades cost and the fee, to its owner's tab; from there the cost goes through
//! [`tab::CLEARING`] to the tabs of the sellers, and the fee to the operator's. So clearing is even again when the
//! last order is wound up. An offer's hold is captured to its owner's tab for what the grid may ask beyond the offer's
//! price, and comes back through the tab once the interval is settled.

use super::clearing::{self, Cleared};
use super::records::Order;
use super::{END_KEYS, is_over};
use crate::keys;
use crate::modules::energy::positions::{Traded, add_traded, import_price, note_market};
use crate::modules::energy::prices::{cost_at_most, cost_of_next};
use crate::modules::energy::records::{Interval, Microgrid, Step};
use crate::modules::energy::tab;
use crate::modules::energy::work::{At, Budget};
use crate::modules::{Ctx, ledger};
use crate::records::{Due, RETRY_MS};
use wattle_primitives::call::market::{OrderEnd, Side};
use wattle_primitives::event::{EnergyEvent, MarketEvent};
use wattle_primitives::{Address, Amount, Hash, Reason, TimeMs, WattHours, planted};

/// Keys that matching touches for each order: its place in the list, and the order.
pub(super) const MATCH_KEYS: u64 = 2;

/// Clears an interval's market, or goes on with it, as far as the budget goes; at least one step. Whether it is done.
pub(crate) fn clear(ctx: &mut Ctx<'_>, at: &At<'_>, budget: &mut Budget) -> bool {
    budget.keys(1);
    let found = ctx.state.read(keys::interval(at.id, at.interval));
    let Some(mut record) = found.filter(|record| record.orders > 0) else {
        return true;
    };
    let mut next = match record.step {
        Step::Open => {
            match_orders(ctx, at, &mut record, budget);
            0
        }
        Step::Release { next } => next,
        Step::Cleared
        | Step::Measure { .. }
        | Step::Sum { .. }
        | Step::Post { .. }
        | Step::Claim { .. }
        | Step::Pay { .. }
        | Step::Settled
        | Step::Finish { .. } => return true,
    };
    let first = next;
    while next < record.orders && (next == first || !budget.is_spent()) {
        wind_up(ctx, at, next, budget);
        next = next.saturating_add(1);
    }
    let done = next >= record.orders;
    record.step = if done { Step::Cleared } else { Step::Release { next } };
    note_market(ctx, at.id, at.interval, &record);
    done
}

/// Matches all orders and notes in each what is filled.
fn match_orders(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, budget: &mut Budget) {
    let At { id, interval, .. } = *at;
    let mut orders = Vec::new();
    for index in 0..record.orders {
        let Some(order_id) = ctx.state.read(keys::order_index(id, interval, index)) else { continue };
        let Some(order) = ctx.state.read(keys::order(&order_id)) else { continue };
        if !is_over(ctx, at.grid, &order) {
            orders.push((order_id, order));
        }
    }
    budget.prepaid(u64::from(record.orders).saturating_mul(MATCH_KEYS));
    let entries: Vec<clearing::Entry> = orders.iter().map(|(id, order)| entry(*id, order)).collect();
    let cleared = clearing::clear(at.terms.clearing, &entries);
    let wh = fill(ctx, at, &mut orders, &cleared);
    for (id, order) in orders.iter().filter(|(_, order)| order.filled_wh > WattHours::ZERO) {
        ctx.state.write(keys::order(id), order);
    }
    record.price = cleared.price;
    record.traded_wh = record.traded_wh.saturating_add(wh);
    let (microgrid, rule, price) = (*id, at.terms.clearing, cleared.price);
    let trades = u32::try_from(cleared.trades.len()).unwrap_or(u32::MAX);
    ctx.emit(MarketEvent::MarketCleared { microgrid, interval, rule, price, wh, trades });
}

const fn entry(id: Hash, order: &Order) -> clearing::Entry {
    let Order { index, account, side, price, wh, partner, .. } = *order;
    clearing::Entry { id, index, account, side, price, wh, partner }
}

/// Prices the trades and adds them to their orders. Returns the energy traded.
fn fill(ctx: &mut Ctx<'_>, at: &At<'_>, orders: &mut [(Hash, Order)], cleared: &Cleared) -> WattHours {
    let mut total = WattHours::ZERO;
    for trade in &cleared.trades {
        let clearing::Trade { wh, price, .. } = *trade;
        let (bid, buying) = &orders[trade.bid];
        let (offer, selling) = &orders[trade.offer];
        let amount = cost_of_next(price, buying.filled_wh, wh);
        let fee = cost_of_next(buying.fee_per_kwh, buying.filled_wh, wh);
        ctx.emit(MarketEvent::Traded {
            microgrid: *at.id,
            interval: at.interval,
            bid: *bid,
            offer: *offer,
            buyer: buying.account,
            seller: selling.account,
            wh,
            price,
            amount,
            fee,
        });
        for (at, fee) in [(trade.bid, fee), (trade.offer, Amount::ZERO)] {
            let order = &mut orders[at].1;
            order.filled_wh = order.filled_wh.saturating_add(wh);
            order.amount = order.amount.saturating_add(amount);
            order.fee = order.fee.saturating_add(fee);
        }
        total = total.saturating_add(wh);
    }
    total
}

/// Ends order number `index`, if it has not ended before.
fn wind_up(ctx: &mut Ctx<'_>, at: &At<'_>, index: u32, budget: &mut Budget) {
    let key = keys::order_index(at.id, at.interval, index);
    let Some(id) = ctx.state.read(key) else { return budget.keys(1) };
    budget.prepaid(END_KEYS);
    let before = ctx.savepoint();
    let ended = match ctx.state.read(keys::order(&id)) {
        Some(order) => {
            let unfilled = order.filled_wh == WattHours::ZERO;
            let over = unfilled && is_over(ctx, at.grid, &order);
            end(ctx, at.grid, &id, &order, if over { OrderEnd::Expired } else { OrderEnd::Cleared })
        }
        None => {
            ctx.state.remove(key);
            Ok(())
        }
    };
    if ended.is_err() {
        // Placing checked that this is possible; if it is not, the order stands and is tried again by itself.
        ctx.rollback(before);
        let again = ctx.time_ms().saturating_add(TimeMs(RETRY_MS));
        ctx.state.write(keys::queue(again, &Due::Order(id)), &Due::Order(id));
    }
}

/// Ends an order: posts what is filled, releases the rest of its hold, and forgets it.
pub(super) fn end(
    ctx: &mut Ctx<'_>,
    grid: &Microgrid,
    id: &Hash,
    order: &Order,
    end: OrderEnd,
) -> Result<(), Reason> {
    let Order { microgrid, interval, account, filled_wh, .. } = *order;
    let import = if filled_wh > WattHours::ZERO && order.side == Side::Sell {
        import_price(ctx, &microgrid, grid, interval)
    } else {
        Amount::ZERO
    };
    let captured = match order.side {
        Side::Buy => order.amount.saturating_add(order.fee),
        Side::Sell => cost_at_most(import.saturating_sub(order.price), filled_wh).min(order.reserved),
    };
    let kept = order.side == Side::Sell && captured > Amount::ZERO && planted!("offer-hold-not-captured");
    let captured = if kept { Amount::ZERO } else { captured };
    if order.reserved > Amount::ZERO {
        ledger::close_hold(ctx, id, Address::of_microgrid(&microgrid), captured)?;
    }
    if order.side == Side::Sell && captured > Amount::ZERO {
        ctx.emit(EnergyEvent::TabPaid { microgrid, account, amount: captured, by_member: true });
    }
    if filled_wh > WattHours::ZERO {
        post(ctx, grid, order)?;
    }
    if filled_wh > WattHours::ZERO && is_open(ctx, order) {
        // Proceeds and deposit cover it, but for what rounding took of them.
        let exposed = cost_at_most(import, filled_wh).min(order.amount.saturating_add(captured));
        let Order { side, .. } = *order;
        let escrow = if side == Side::Sell { exposed } else { Amount::ZERO };
        add_traded(
            ctx,
            grid,
            &Traded { microgrid, interval, account, side, wh: filled_wh, exposed, escrow },
        )?;
    }
    ctx.state.remove(keys::order(id));
    ctx.state.remove(keys::order_index(&microgrid, interval, order.index));
    if let Some(at) = order.expires_ms {
        ctx.state.remove(keys::queue(at, &Due::Order(*id)));
    }
    ctx.emit(MarketEvent::OrderEnded { order: *id, account, filled_wh, end });
    ledger::refund(ctx, &order.deposit)
}

/// Whether the order's interval still takes positions. One that could not be ended in time is paid for all the same,
/// but its energy was settled with the grid.
fn is_open(ctx: &mut Ctx<'_>, order: &Order) -> bool {
    let record = ctx.state.read(keys::interval(&order.microgrid, order.interval));
    record.is_some_and(|record| match record.step {
        Step::Open | Step::Release { .. } | Step::Cleared => true,
        Step::Measure { .. }
        | Step::Sum { .. }
        | Step::Post { .. }
        | Step::Claim { .. }
        | Step::Pay { .. }
        | Step::Settled
        | Step::Finish { .. } => false,
    })
}

/// Posts what is filled of an order between tabs.
fn post(ctx: &mut Ctx<'_>, grid: &Microgrid, order: &Order) -> Result<(), Reason> {
    let code = tab::member(ctx, &order.microgrid, &order.account)?.code;
    match order.side {
        Side::Buy => {
            tab::buy(ctx, &order.microgrid, grid, &order.account, tab::CLEARING, order.amount)?;
            tab::charge(ctx, grid, code, tab::OPERATOR, order.fee)
        }
        Side::Sell => tab::charge(ctx, grid, tab::CLEARING, code, order.amount),
    }
}
