//! Orders for the energy of an interval: placing, cancelling, expiry. How they are matched is in
//! [`super::clearing`], what follows from it in [`clear`].
//!
//! An order reserves the worst case from its owner's wallet, by a hold under the order's id that only the microgrid can
//! capture and that has no end of its own: a bid what it may cost with the fee, an offer what the grid may ask for the
//! energy beyond the offer's price if the seller does not deliver. What of that belongs to filled energy goes to the
//! seller's tab, and with the proceeds stays there until the interval is settled.
//!
//! # When an order ends
//! Cancelled by its owner before the gate closes; at its own time; or when the market is cleared, whatever part of it
//! is filled. It is traded at most once, at clearing, and never from its time on, nor once its interval is over: a
//! market that could not be cleared in time (the chain stood still) trades nothing.

pub(super) mod clear;

use super::clearing::cost_at_most;
use super::records::{Interval, Microgrid, Order, Position, Step};
use super::{credit, registry, tab, terms};
use crate::keys::{self, Key};
use crate::modules::records::Due;
use crate::modules::{Ctx, ledger, weights};
use wattle_primitives::call::energy::{
    ORDER_AHEAD_MS_MAX, ORDER_WH_MAX, ORDERS_MAX, ORDERS_PER_MEMBER_MAX, OrderEnd, PRICE_MAX, Side, Terms,
    order_id,
};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Event, Hash, Reason, TimeMs, WattHours, Weight, planted};

/// Keys that placing an order touches, with versions of terms looked through: microgrid, members, terms, tab and its
/// record, interval, position, order, list, queue, hold, four counters, two deposits.
pub(super) const PLACE_KEYS: u64 = 41;
/// Keys that the end of an order touches: order, list, queue, interval, hold, four counters, the tab's record, two
/// tabs and their records, member, position, versions of terms looked through, two deposits.
pub(super) const END_KEYS: u64 = 21 + super::TERMS_KEYS;

/// Keys that cancelling touches: the end of an order, microgrid and terms.
pub(super) const CANCEL_KEYS: u64 = END_KEYS + 16;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewOrder<'a> {
    pub(super) microgrid: &'a Hash,
    pub(super) reference: &'a Hash,
    pub(super) interval: IntervalId,
    pub(super) side: Side,
    pub(super) price: Amount,
    pub(super) wh: WattHours,
    pub(super) partner: Option<Address>,
    pub(super) expires_ms: Option<TimeMs>,
}

/// Checks what needs no state.
pub(super) fn check(price: Amount, wh: WattHours) -> Result<(), Reason> {
    if price <= PRICE_MAX && wh > WattHours::ZERO && wh.0 <= ORDER_WH_MAX {
        Ok(())
    } else {
        Err(Reason::OutOfRange)
    }
}

/// The account in whose name the microgrid acts: no key has it.
pub(super) const fn address(microgrid: &Hash) -> Address {
    Address(*microgrid.as_bytes())
}

/// Takes an order.
pub(super) fn place(ctx: &mut Ctx<'_>, new: &NewOrder<'_>) -> Result<(), Reason> {
    let NewOrder { microgrid, reference, interval, side, price, wh, partner, expires_ms } = *new;
    let account = ctx.sender();
    let id = order_id(&account, reference);
    let mut grid = registry::microgrid(ctx, microgrid)?;
    let member = tab::member(ctx, microgrid, &account)?;
    if let Some(partner) = partner {
        tab::member(ctx, microgrid, &partner)?;
        if partner == account {
            return Err(Reason::SameAccount);
        }
    }
    let terms = terms::at(ctx, microgrid, &grid, interval).ok_or(Reason::NoTerms)?;
    let mut record = take_orders(ctx, microgrid, &grid, &terms, interval)?;
    let position_key = keys::position(microgrid, interval, member.code);
    let mut position: Position = ctx.state.read(position_key).unwrap_or_default();
    if position.orders >= ORDERS_PER_MEMBER_MAX {
        return Err(Reason::BookFull);
    }
    if expires_ms.is_some_and(|at| at <= ctx.time_ms() || at > grid.end(interval)) {
        return Err(Reason::BadTime);
    }
    credit::check(ctx, microgrid, &grid, &account)?;
    let queue = expires_ms.map(|at| keys::queue(at, &id));
    if ctx.state.contains(keys::order(&id)) || queue.is_some_and(|key| ctx.state.contains(key)) {
        return Err(Reason::AlreadyExists);
    }
    let fee_per_kwh = if side == Side::Buy { terms.fee_per_kwh } else { Amount::ZERO };
    let reserved = match side {
        Side::Buy => cost_at_most(price, wh).saturating_add(cost_at_most(fee_per_kwh, wh)),
        Side::Sell => {
            let import = import_price_max(&terms, &grid, interval);
            cost_at_most(import.saturating_sub(price), wh)
        }
    };
    let order = Order {
        microgrid: *microgrid,
        interval,
        account,
        side,
        price,
        wh,
        partner,
        expires_ms,
        index: record.orders,
        fee_per_kwh,
        reserved,
        deposit: ledger::deposit(ctx, account)?,
        filled_wh: WattHours::ZERO,
        amount: Amount::ZERO,
        fee: Amount::ZERO,
    };
    if reserved > Amount::ZERO {
        let (debit, credit) = (ledger::wallet(account), tab::account(grid.book, member.code));
        let entry = Entry { debit, credit, asset: grid.asset, amount: reserved };
        ledger::reserve(ctx, &id, &entry, address(microgrid), TimeMs::MAX)?;
    }
    position.orders = position.orders.saturating_add(1); // below ORDERS_PER_MEMBER_MAX
    ctx.state.write(position_key, &position);
    record.orders = record.orders.saturating_add(1); // below ORDERS_MAX
    if grid.ordered <= interval {
        grid.ordered = interval.next();
        ctx.state.write(keys::microgrid(microgrid), &grid);
    }
    ctx.state.write(keys::interval(microgrid, interval), &record);
    ctx.state.write(keys::order_index(microgrid, interval, order.index), &id);
    ctx.state.write(keys::order(&id), &order);
    if let Some(key) = queue {
        ctx.state.write(key, &Due::Order(id));
    }
    ctx.emit(Event::OrderPlaced {
        order: id,
        microgrid: *microgrid,
        interval,
        account,
        side,
        price,
        wh,
        reserved,
    });
    Ok(())
}

/// The interval's record, if it takes one more order.
fn take_orders(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    terms: &Terms,
    interval: IntervalId,
) -> Result<Interval, Reason> {
    if !terms.takes_orders() {
        return Err(Reason::NoTerms);
    }
    if grid.start(interval).0 > ctx.time_ms().0.saturating_add(ORDER_AHEAD_MS_MAX) {
        return Err(Reason::GateClosed);
    }
    let record = open(ctx, id, grid, terms, interval)?;
    if record.orders < ORDERS_MAX { Ok(record) } else { Err(Reason::BookFull) }
}

/// The interval's record, if its gate is open.
fn open(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    terms: &Terms,
    interval: IntervalId,
) -> Result<Interval, Reason> {
    let gate = grid.start(interval).saturating_sub(terms.gate_closure_ms);
    let cleared = grid.agenda.is_none_or(|agenda| interval < agenda.clear);
    if cleared || ctx.time_ms() >= gate {
        return Err(Reason::GateClosed);
    }
    let record: Interval = ctx.state.read(keys::interval(id, interval)).unwrap_or_default();
    if record.step == Step::Open { Ok(record) } else { Err(Reason::GateClosed) }
}

/// The highest import price that holds at any time of an interval.
pub(super) fn import_price_max(terms: &Terms, grid: &Microgrid, interval: IntervalId) -> Amount {
    terms.bounds(grid.start(interval), grid.end(interval)).import
}

/// Whether an order no longer stands at the block's time.
fn is_over(ctx: &Ctx<'_>, grid: &Microgrid, order: &Order) -> bool {
    order.expires_ms.unwrap_or(grid.end(order.interval)) <= ctx.time_ms()
}

/// Takes an order of the sender's back.
pub(super) fn cancel(ctx: &mut Ctx<'_>, id: &Hash) -> Result<(), Reason> {
    let order: Order = ctx.state.read(keys::order(id)).ok_or(Reason::UnknownOrder)?;
    let grid = registry::microgrid(ctx, &order.microgrid)?;
    if is_over(ctx, &grid, &order) {
        return Err(Reason::UnknownOrder);
    }
    if order.account != ctx.sender() {
        return Err(Reason::NotAllowed);
    }
    let terms = terms::at(ctx, &order.microgrid, &grid, order.interval).ok_or(Reason::NoTerms)?;
    if let Err(reason) = open(ctx, &order.microgrid, &grid, &terms, order.interval)
        && !planted!("order-cancelled-late")
    {
        return Err(reason);
    }
    clear::end(ctx, &grid, id, &order, OrderEnd::Cancelled)
}

/// Ends an order whose time is over and that stands in the queue under `key`. What is filled of it, if its market has
/// just been cleared, stays traded.
pub(super) fn expire(ctx: &mut Ctx<'_>, key: Key, id: &Hash) -> Weight {
    let before = ctx.savepoint();
    let ended = match ctx.state.read::<Order>(keys::order(id)) {
        Some(order) => registry::microgrid(ctx, &order.microgrid).and_then(|grid| {
            let end = if order.filled_wh > WattHours::ZERO { OrderEnd::Cleared } else { OrderEnd::Expired };
            clear::end(ctx, &grid, id, &order, end)
        }),
        None => Err(Reason::UnknownOrder),
    };
    if let Err(reason) = ended {
        // Placing checked that ending fits, so this cannot happen; if it does, one order must not stop the chain.
        debug_assert!(false, "order {id} cannot be ended: {reason}");
        ctx.rollback(before);
        ctx.state.remove(key);
    }
    weights::keys(END_KEYS)
}
