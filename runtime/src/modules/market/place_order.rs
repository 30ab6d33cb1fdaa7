use super::clear::MATCH_KEYS;
use super::records::Order;
use super::{END_KEYS, open};
use crate::keys;
use crate::modules::energy::prices::cost_at_most;
use crate::modules::energy::records::{Interval, Microgrid};
use crate::modules::energy::{self, credit, positions, tab, terms};
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use crate::records::Due;
use wattle_primitives::call::energy::{PRICE_MAX, Terms};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::call::market::{
    ORDER_AHEAD_MS_MAX, ORDER_WH_MAX, ORDERS_MAX, ORDERS_PER_MEMBER_MAX, PlaceOrder, Side, order_id,
};
use wattle_primitives::event::MarketEvent;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, Reason, WattHours, Weight};

/// Keys that placing an order touches, with versions of terms looked through: microgrid, members, terms, tab, estimates
/// and escrow, the tab's record, interval, position, order, list, queue, hold, four counters, two deposits.
const PLACE_KEYS: u64 = 44;
impl Action for PlaceOrder {
    fn check(&self) -> Result<(), Reason> {
        let wh = self.wh.0;
        if self.price <= PRICE_MAX && wh > 0 && wh <= ORDER_WH_MAX { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        // Whoever places it pays for its end as well: that comes by itself.
        weights::keys(PLACE_KEYS + MATCH_KEYS + END_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { microgrid, reference, interval, side, price, wh, partner, expires_ms } = *self;
        let account = ctx.on_behalf_of();
        let id = order_id(&account, &reference);
        let mut grid = energy::microgrid(ctx, &microgrid)?;
        energy::upkeep::running(&grid)?;
        tab::trader(ctx, &microgrid, &account)?;
        let member = tab::engage(ctx, &microgrid, &account, interval)?;
        if let Some(partner) = partner {
            tab::member(ctx, &microgrid, &partner)?;
            if partner == account {
                return Err(Reason::SameAccount);
            }
        }
        let terms = terms::at(ctx, &microgrid, &grid, interval).ok_or(Reason::NoTerms)?;
        let index = take_orders(ctx, &microgrid, &grid, &terms, interval)?.orders;
        if positions::position(ctx, &microgrid, interval, member.code).orders >= ORDERS_PER_MEMBER_MAX {
            return Err(Reason::BookFull);
        }
        if expires_ms.is_some_and(|at| at <= ctx.time_ms() || at > grid.end(interval)) {
            return Err(Reason::BadTime);
        }
        credit::check(ctx, &microgrid, &grid, &account)?;
        let queue = expires_ms.map(|at| keys::queue(at, &Due::Order(id)));
        if ctx.state.contains(keys::order(&id)) || queue.is_some_and(|key| ctx.state.contains(key)) {
            return Err(Reason::AlreadyExists);
        }
        let fee_per_kwh = if side == Side::Buy { terms.fee_per_kwh } else { Amount::ZERO };
        let reserved = match side {
            Side::Buy => cost_at_most(price, wh).saturating_add(cost_at_most(fee_per_kwh, wh)),
            Side::Sell => {
                let import = positions::import_price_max(&terms, &grid, interval);
                cost_at_most(import.saturating_sub(price), wh)
            }
        };
        let order = Order {
            microgrid,
            interval,
            account,
            side,
            price,
            wh,
            partner,
            expires_ms,
            index,
            fee_per_kwh,
            reserved,
            deposit: ledger::deposit(ctx)?,
            filled_wh: WattHours::ZERO,
            amount: Amount::ZERO,
            fee: Amount::ZERO,
        };
        if reserved > Amount::ZERO {
            let (debit, credit) = (ledger::wallet(account), grid.account(member.code));
            let entry = Entry::new(debit, credit, grid.asset, reserved);
            ledger::reserve(ctx, &id, &entry, Address::of_microgrid(&microgrid))?;
        }
        positions::add_order(ctx, &microgrid, &mut grid, interval, member.code);
        ctx.state.write(keys::order_index(&microgrid, interval, index), &id);
        ctx.state.write(keys::order(&id), &order);
        if let Some(key) = queue {
            ctx.state.write(key, &Due::Order(id));
        }
        ctx.emit(MarketEvent::OrderPlaced {
            order: id,
            microgrid,
            interval,
            account,
            side,
            price,
            wh,
            reserved,
        });
        Ok(())
    }
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
