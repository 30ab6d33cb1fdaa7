//! Positions: what the modules above note of a member's orders and trades in an interval, until it is settled, and of
//! what backs or corrects them. Energy's records are written here for those modules, and not by them.

use super::records::{Interval, Meter, Microgrid, Position};
use super::{credit, tab, terms};
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::call::energy::Terms;
use wattle_primitives::call::market::Side;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, Reason, WattHours};

/// The most that the grid asks for a kWh in an interval.
pub(crate) fn import_price(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, interval: IntervalId) -> Amount {
    let terms = terms::at(ctx, id, grid, interval);
    terms.map_or(Amount::ZERO, |terms| import_price_max(&terms, grid, interval))
}

/// The highest import price that holds at any time of an interval.
pub(crate) fn import_price_max(terms: &Terms, grid: &Microgrid, interval: IntervalId) -> Amount {
    terms.bounds(grid.start(interval), grid.end(interval)).import
}

/// A member's position in an interval; an empty one, if it has none.
pub(crate) fn position(ctx: &mut Ctx<'_>, id: &Hash, interval: IntervalId, code: u32) -> Position {
    ctx.state.read(keys::position(id, interval, code)).unwrap_or_default()
}

/// Counts an order of the member with this code, which the caller found room for, and has the interval cleared.
pub(crate) fn add_order(ctx: &mut Ctx<'_>, id: &Hash, grid: &mut Microgrid, interval: IntervalId, code: u32) {
    let mut position = position(ctx, id, interval, code);
    position.orders = position.orders.saturating_add(1); // below ORDERS_PER_MEMBER_MAX
    ctx.state.write(keys::position(id, interval, code), &position);
    let mut record = ctx.state.read(keys::interval(id, interval)).unwrap_or_default();
    record.orders = record.orders.saturating_add(1); // below ORDERS_MAX
    ctx.state.write(keys::interval(id, interval), &record);
    if grid.ordered <= interval {
        grid.ordered = interval.next();
        ctx.state.write(keys::microgrid(id), grid);
    }
}

/// Notes how far an interval's market is cleared, and what was traded in it.
pub(crate) fn note_market(ctx: &mut Ctx<'_>, id: &Hash, interval: IntervalId, record: &Interval) {
    ctx.state.write(keys::interval(id, interval), record);
}

/// Counts import of a meter as backing a deal, so that it backs no other.
pub(crate) fn add_dealt(ctx: &mut Ctx<'_>, address: &Address, mut meter: Meter, wh: WattHours) {
    meter.dealt_wh = meter.dealt_wh.saturating_add(wh);
    ctx.state.write(keys::meter(address), &meter);
}

/// Counts what a member was granted by a dispute, so that it is granted once.
pub(crate) fn add_granted(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    account: &Address,
    amount: Amount,
) -> Result<(), Reason> {
    let mut member = tab::member(ctx, id, account)?;
    member.granted = member.granted.checked_add(amount).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::member(id, account), &member);
    Ok(())
}

/// Energy that a member bought or sold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traded {
    pub(crate) microgrid: Hash,
    pub(crate) interval: IntervalId,
    pub(crate) account: Address,
    pub(crate) side: Side,
    pub(crate) wh: WattHours,
    /// Debt that a seller may come to for it, base units; 0 for a buyer.
    pub(crate) exposed: Amount,
    /// The part of `exposed` that is in the microgrid's cash, base units.
    pub(crate) escrow: Amount,
}

/// Adds traded energy to a member's position.
pub(crate) fn add_traded(ctx: &mut Ctx<'_>, grid: &Microgrid, traded: &Traded) -> Result<(), Reason> {
    let Traded { microgrid, interval, account, side, wh, exposed, escrow } = traded;
    let mut member = tab::engage(ctx, microgrid, account, *interval)?;
    let key = keys::position(microgrid, *interval, member.code);
    let mut position = position(ctx, microgrid, *interval, member.code);
    let sum = match side {
        Side::Buy => &mut position.bought_wh,
        Side::Sell => &mut position.sold_wh,
    };
    *sum = sum.saturating_add(*wh);
    tab::keep(ctx, (microgrid, grid), member.code, &mut position, *escrow)?;
    if *exposed > Amount::ZERO {
        member.exposed = member.exposed.checked_add(*exposed).ok_or(Reason::Overflow)?;
        position.exposed = position.exposed.checked_add(*exposed).ok_or(Reason::Overflow)?;
        ctx.state.write(keys::member(microgrid, account), &member);
    }
    ctx.state.write(key, &position);
    Ok(())
}

/// Counts energy as traded in an interval, by a deal: the market counts its own when it is cleared.
pub(crate) fn count_traded(ctx: &mut Ctx<'_>, id: &Hash, interval: IntervalId, wh: WattHours) {
    let key = keys::interval(id, interval);
    let mut record = ctx.state.read(key).unwrap_or_default();
    record.traded_wh = record.traded_wh.saturating_add(wh);
    ctx.state.write(key, &record);
}

/// Has an interval settled even where no meter is.
fn open(ctx: &mut Ctx<'_>, id: &Hash, interval: IntervalId) {
    let key = keys::interval(id, interval);
    if !ctx.state.contains(key) {
        ctx.state.write(key, &Interval::default());
    }
}

/// Has cash that a member is owed paid out with the next interval that ends, even where no meter is.
pub(crate) fn ask_payout(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    account: &Address,
) -> Result<(), Reason> {
    let member = tab::member(ctx, id, account)?;
    let waits = tab::payable(ctx, grid, &member).min(tab::free_cash(ctx, id, grid));
    // In a pause such intervals would pile up: who is owed asks again after it.
    let works = grid.agenda.is_some() && !grid.is_paused();
    if grid.meters == 0 && works && waits > Amount::ZERO {
        let interval = credit::current(ctx, grid);
        open(ctx, id, interval);
    }
    Ok(())
}

/// Keeps what was paid to a member by a deal, until what is used now is settled.
pub(crate) fn keep_paid(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    to: &Address,
    amount: Amount,
) -> Result<(), Reason> {
    if amount == Amount::ZERO {
        return Ok(());
    }
    let interval = credit::current(ctx, grid);
    let code = tab::engage(ctx, id, to, interval)?.code;
    open(ctx, id, interval);
    let mut position = position(ctx, id, interval, code);
    tab::keep(ctx, (id, grid), code, &mut position, amount)?;
    ctx.state.write(keys::position(id, interval, code), &position);
    Ok(())
}
