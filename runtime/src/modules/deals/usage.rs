//! Use of an authorised deal: reports, and the end that pays for it.
//!
//! The charging side's meter decides: no more is used than it has shown by accepted readings, and a Wh of it backs one
//! deal only. What is reported is cumulative, so a report that is lost or comes twice does no harm. Up to the agreed
//! amount and its margin use is paid for; what is beyond is no trade, and settles as any other energy does.

use super::records::{Deal, DealState};
use super::{deal, forget_acceptances, reserved, unlist};
use crate::keys;
use crate::modules::energy::positions::{
    Traded, add_dealt, add_traded, count_traded, import_price, keep_paid,
};
use crate::modules::energy::prices::{cost, cost_at_most};
use crate::modules::energy::records::{Meter, Microgrid};
use crate::modules::energy::{self, credit, tab};
use crate::modules::{Ctx, ledger, weights};
use crate::records::Due;
use wattle_primitives::call::deals::{DealEnd, Funding};
use wattle_primitives::call::market::Side;
use wattle_primitives::event::DealsEvent;
use wattle_primitives::{Address, Amount, Hash, Reason, WattHours, Weight, planted};

/// Keys that the end of a deal touches: deal, queue, list and the deal that moves in it, hold, four counters and the
/// tab's record, two tabs with their records, two members, interval, position, escrow with its record and sum,
/// microgrid, deposits.
pub(super) const END_KEYS: u64 = 30;
/// Keys that giving back an acceptance's deposit touches.
pub(super) const ACCEPTANCE_KEYS: u64 = 3;

/// An authorised deal's state.
pub(super) struct Authorised {
    partner: Address,
    funding: Funding,
    margin_wh: WattHours,
    pub(super) seq: u64,
    pub(super) used_wh: WattHours,
    meter: Address,
    from_wh: WattHours,
}

fn authorised(deal: &Deal) -> Result<Authorised, Reason> {
    match deal.state {
        DealState::Authorised { partner, funding, margin_wh, seq, used_wh, meter, from_wh } => {
            Ok(Authorised { partner, funding, margin_wh, seq, used_wh, meter, from_wh })
        }
        DealState::Requested | DealState::Confirmed { .. } => Err(Reason::DealState),
    }
}

impl Authorised {
    /// As the deal's record has it.
    pub(super) const fn state(&self) -> DealState {
        let Self { partner, funding, margin_wh, seq, used_wh, meter, from_wh } = *self;
        DealState::Authorised { partner, funding, margin_wh, seq, used_wh, meter, from_wh }
    }

    /// Energy that is paid for when `used` is reported, Wh.
    fn paid_wh(&self, deal: &Deal, used: WattHours) -> WattHours {
        used.min(deal.wh.saturating_add(self.margin_wh))
    }
}

/// An authorised deal of which the sender is the charging side, or its meter.
pub(super) fn charged_by_sender(ctx: &mut Ctx<'_>, id: &Hash) -> Result<(Deal, Authorised), Reason> {
    let deal = deal(ctx, id)?;
    let state = authorised(&deal)?;
    let sender = ctx.on_behalf_of();
    if sender == deal.sides(state.partner).0 || sender == state.meter {
        Ok((deal, state))
    } else {
        Err(Reason::NotAllowed)
    }
}

/// Import of the charging side's meter since the deal was authorised that has backed no deal yet, this one included,
/// Wh.
fn unused(meter: &Meter, state: &Authorised) -> WattHours {
    let imported = meter.last.map_or(WattHours::ZERO, |last| last.import_wh);
    imported.saturating_sub(meter.dealt_wh).saturating_sub(state.from_wh)
}

/// Counts what came since the last report as traded, in the interval of the block's time. What the grid would ask of
/// the discharging side if it had not delivered must be covered by what the deal brings it, its tab, or its credit.
pub(super) fn count(
    ctx: &mut Ctx<'_>,
    deal: &Deal,
    state: &Authorised,
    cumulative: WattHours,
) -> Result<(), Reason> {
    if cumulative < state.used_wh {
        return Err(Reason::RegisterDecreased);
    }
    let meter = ctx.state.read(keys::meter(&state.meter)).ok_or(Reason::UnknownMeter)?;
    // Use reported beyond the agreed amount backs no deal, and is not counted on the meter: it counts here again.
    let before = state.paid_wh(deal, state.used_wh);
    if cumulative.saturating_sub(before) > unused(&meter, state) && !planted!("deal-beyond-meter") {
        return Err(Reason::Unmetered);
    }
    let wh = state.paid_wh(deal, cumulative).saturating_sub(before);
    if wh == WattHours::ZERO {
        return Ok(());
    }
    let (charger, discharger) = deal.sides(state.partner);
    if meter.owner != charger && !planted!("deal-by-anothers-meter") {
        return Err(Reason::Unmetered); // it was handed over: what it shows is another's use
    }
    add_dealt(ctx, &state.meter, meter, wh);
    let microgrid = &deal.microgrid;
    let grid = energy::microgrid(ctx, microgrid)?;
    let interval = credit::current(ctx, &grid);
    let exposed = cost_at_most(import_price(ctx, microgrid, &grid, interval), wh);
    for (account, side, exposed) in [(charger, Side::Buy, Amount::ZERO), (discharger, Side::Sell, exposed)] {
        let (microgrid, escrow) = (*microgrid, Amount::ZERO); // nothing is paid yet
        add_traded(ctx, &grid, &Traded { microgrid, interval, account, side, wh, exposed, escrow })?;
    }
    let coming = cost(deal.price, state.paid_wh(deal, cumulative));
    credit::check_with(ctx, microgrid, &grid, &discharger, coming)?;
    count_traded(ctx, microgrid, interval, wh);
    Ok(())
}

/// Ends a request or deal, if it stands and its time is over. Authorising checked that this is possible.
pub(crate) fn expire(ctx: &mut Ctx<'_>, id: &Hash) -> (Weight, Result<(), Reason>) {
    let found = ctx.state.read(keys::deal(id)).filter(|deal| deal.expires_ms <= ctx.time_ms());
    let acceptances = found.as_ref().map_or(0, |deal| deal.acceptors.len());
    let acceptances = u64::try_from(acceptances).unwrap_or(u64::MAX);
    let weight = weights::keys(acceptances.saturating_mul(ACCEPTANCE_KEYS).saturating_add(END_KEYS));
    let Some(deal) = found else { return (weight, Ok(())) }; // it has ended before
    (weight, end(ctx, id, deal, DealEnd::Expired))
}

/// A deal's bill at its end: energy in Wh, amounts in base units.
#[derive(Default)]
struct Bill {
    used_wh: WattHours,
    captured: Amount,
    receivable: Amount,
    released: Amount,
}

/// Ends a request or deal: pays for what was reported, releases the rest, and forgets it.
pub(super) fn end(ctx: &mut Ctx<'_>, id: &Hash, mut deal: Deal, end: DealEnd) -> Result<(), Reason> {
    let bill = match authorised(&deal) {
        Ok(state) => {
            let grid = energy::microgrid(ctx, &deal.microgrid)?;
            settle(ctx, id, &deal, &state, &grid)?
        }
        Err(_) => Bill::default(),
    };
    forget_acceptances(ctx, id, &mut deal)?;
    unlist(ctx, &deal);
    ctx.state.remove(keys::deal(id));
    ctx.state.remove(keys::queue(deal.expires_ms, &Due::Deal(*id)));
    let Bill { used_wh, captured, receivable, released } = bill;
    let partner = match deal.state {
        DealState::Requested => None,
        DealState::Confirmed { partner } | DealState::Authorised { partner, .. } => Some(partner),
    };
    let (charger, discharger) = match deal.side {
        Side::Buy => (Some(deal.requester), partner),
        Side::Sell => (partner, Some(deal.requester)),
    };
    let microgrid = deal.microgrid;
    ctx.emit(DealsEvent::DealEnded {
        deal: *id,
        microgrid,
        charger,
        discharger,
        end,
        used_wh,
        captured,
        receivable,
        released,
    });
    ledger::refund(ctx, &deal.deposit)
}

/// Pays for what was used: out of the hold, or else it is owed on the charging side's tab.
fn settle(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    deal: &Deal,
    state: &Authorised,
    grid: &Microgrid,
) -> Result<Bill, Reason> {
    let used_wh = state.paid_wh(deal, state.used_wh);
    let (due, reserved) = (cost(deal.price, used_wh), reserved(deal));
    let captured = match state.funding {
        Funding::Balance => due.min(reserved),
        Funding::Credit => Amount::ZERO,
    };
    let (charger, discharger) = deal.sides(state.partner);
    match state.funding {
        Funding::Credit => credit::release(ctx, &deal.microgrid, &charger, reserved)?,
        Funding::Balance if reserved == Amount::ZERO => {}
        Funding::Balance => ledger::close_hold(ctx, id, Address::of_microgrid(&deal.microgrid), captured)?,
    }
    let to = tab::member(ctx, &deal.microgrid, &discharger)?.code;
    tab::buy(ctx, &deal.microgrid, grid, &charger, to, due)?;
    keep_paid(ctx, &deal.microgrid, grid, &discharger, captured)?;
    let receivable = due.saturating_sub(captured);
    Ok(Bill { used_wh, captured, receivable, released: reserved.saturating_sub(due) })
}
