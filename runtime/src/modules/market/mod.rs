//! Orders for the energy of an interval: placing, cancelling, expiry. How they are matched is in
//! [`clearing`], what follows from it in [`clear`].
//!
//! An order reserves the worst case from its owner's wallet, by a hold under the order's id that only the microgrid can
//! capture and that has no end of its own: a bid what it may cost with the fee, an offer what the grid may ask for the
//! energy beyond the offer's price if the seller does not deliver. What of that belongs to filled energy goes to the
//! seller's tab, and with the proceeds stays there until the interval is settled.
//!
//! # When an order ends
//! Cancelled by its owner before the gate closes; at its own time; or when the market is cleared, whatever part of it
//! is filled. It is traded at most once, at clearing, and never from its time on, nor once its interval is over: a
//! market that could not be cleared in time (the chain stood still, nobody paid) trades nothing. An order without a
//! time of its own that was not matched by then may be cancelled until that market is cleared. Between the gate and the
//! interval's end nobody takes an order back: who can delay the clearing would have the choice.

mod cancel_order;
mod clear;
pub mod clearing;
mod invariants;
pub mod keys;
mod place_order;
pub mod query;
pub mod records;

pub(crate) use clear::clear;
pub(super) use invariants::Rules;

use super::energy::{TERMS_KEYS, microgrid};
use super::{Ctx, weights};
use crate::keys::{interval, order};
use crate::modules::energy::records::{Interval, Microgrid, Step};
use records::Order;
use wattle_primitives::call::MarketCall;
use wattle_primitives::call::energy::Terms;
use wattle_primitives::call::market::OrderEnd;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, Reason, WattHours, Weight};

actions! { MarketCall { PlaceOrder, CancelOrder } }

/// Share of a block's due work, in thousandths: orders that expire.
pub(super) const DUE_SHARE: u64 = 125;
/// Keys that the end of an order touches: order, list, queue, interval, hold, four counters, the tab's record, two
/// tabs and their records, escrow with its record and sum, member, position, versions of terms looked through, two
/// deposits.
const END_KEYS: u64 = 24 + TERMS_KEYS;

/// The interval's record, if its gate is open.
fn open(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    terms: &Terms,
    at: IntervalId,
) -> Result<Interval, Reason> {
    let gate = grid.start(at).saturating_sub(terms.gate_closure_ms);
    if ctx.time_ms() >= gate {
        return Err(Reason::GateClosed);
    }
    unmatched(ctx, id, grid, at)
}

/// The interval's record, if its orders are not matched.
fn unmatched(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, at: IntervalId) -> Result<Interval, Reason> {
    let cleared = grid.agenda.is_none_or(|agenda| at < agenda.clear);
    let record = ctx.state.read(interval(id, at)).unwrap_or_default();
    if !cleared && record.step == Step::Open { Ok(record) } else { Err(Reason::GateClosed) }
}

/// Whether an order no longer stands at the block's time.
fn is_over(ctx: &Ctx<'_>, grid: &Microgrid, order: &Order) -> bool {
    order.expires_ms.unwrap_or(grid.end(order.interval)) <= ctx.time_ms()
}

/// Ends an order, if it stands and either its time is over or its market was cleared. What is filled of it stays
/// traded. Placing checked that this is possible.
pub(crate) fn expire(ctx: &mut Ctx<'_>, id: &Hash) -> (Weight, Result<(), Reason>) {
    let weight = weights::keys(END_KEYS);
    let Some(order) = ctx.state.read(order(id)) else { return (weight, Ok(())) }; // clearing has ended it
    (weight, end_if_over(ctx, id, &order))
}

fn end_if_over(ctx: &mut Ctx<'_>, id: &Hash, order: &Order) -> Result<(), Reason> {
    let grid = microgrid(ctx, &order.microgrid)?;
    if !is_over(ctx, &grid, order) && unmatched(ctx, &order.microgrid, &grid, order.interval).is_ok() {
        return Ok(());
    }
    let end = if order.filled_wh > WattHours::ZERO { OrderEnd::Cleared } else { OrderEnd::Expired };
    clear::end(ctx, &grid, id, order, end)
}
