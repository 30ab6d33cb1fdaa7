use super::records::{Deal, DealState};
use super::{check_end, deal, queue, reserved};
use crate::keys;
use crate::modules::energy::positions::import_price;
use crate::modules::energy::records::Microgrid;
use crate::modules::energy::{self, credit, tab};
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::deals::{
    AUTHORISATION_MS_MAX, AuthoriseDeal, DEAL_WH_MAX, Funding, MARGIN_PART,
};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::event::DealsEvent;
use wattle_primitives::reading::MeterRole;
use wattle_primitives::{Address, Amount, Hash, Reason, WattHours, Weight, planted};

/// Keys that an authorisation touches: deal, meter, queue, microgrid, both members, terms, hold, four counters, the
/// tab's record, estimates and escrow, deposits.
const AUTHORISE_KEYS: u64 = 38;

impl Action for AuthoriseDeal {
    fn check(&self) -> Result<(), Reason> {
        if self.margin_wh.0 > DEAL_WH_MAX { Err(Reason::OutOfRange) } else { Ok(()) }
    }

    fn weight(&self) -> Weight {
        weights::keys(AUTHORISE_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Reserves what a deal may cost the sender, who charges.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { deal: ref id, funding, expires_ms, margin_wh, meter } = *self;
        let mut deal = deal(ctx, id)?;
        let partner = match deal.state {
            DealState::Confirmed { partner } if deal.sides(partner).0 == ctx.on_behalf_of() => partner,
            DealState::Confirmed { .. } => return Err(Reason::NotAllowed),
            DealState::Requested | DealState::Authorised { .. } => return Err(Reason::DealState),
        };
        check_end(ctx, expires_ms, AUTHORISATION_MS_MAX)?;
        if margin_wh.0 > deal.wh.0 / MARGIN_PART {
            return Err(Reason::OutOfRange);
        }
        let record = energy::meter(ctx, &meter)?;
        if record.owner != ctx.on_behalf_of()
            || record.microgrid != deal.microgrid
            || record.role != MeterRole::Sub
        {
            return Err(Reason::NotAllowed);
        }
        let from_wh = record.last.ok_or(Reason::Unmetered)?.import_wh.saturating_sub(record.dealt_wh);
        let grid = energy::microgrid(ctx, &deal.microgrid)?;
        energy::upkeep::running(&grid)?;
        let (seq, used_wh) = (0, WattHours::ZERO);
        deal.state = DealState::Authorised { partner, funding, margin_wh, seq, used_wh, meter, from_wh };
        let (reserved, last) = (reserved(&deal), grid.interval_at(expires_ms));
        let (charger, discharger) = deal.sides(partner);
        for side in [charger, discharger] {
            tab::trader(ctx, &deal.microgrid, &side)?;
            tab::engage(ctx, &deal.microgrid, &side, last)?;
        }
        back(ctx, id, &deal, &grid, funding)?;
        queue(ctx, id, &mut deal, expires_ms);
        ctx.state.write(keys::deal(id), &deal);
        ctx.emit(DealsEvent::DealAuthorised { deal: *id, funding, reserved, expires_ms, meter });
        Ok(())
    }
}

/// Reserves the price of the whole deal and its margin from the sender's wallet or credit.
fn back(ctx: &mut Ctx<'_>, id: &Hash, deal: &Deal, grid: &Microgrid, funding: Funding) -> Result<(), Reason> {
    let (charger, amount) = (ctx.on_behalf_of(), reserved(deal));
    match funding {
        Funding::Credit => {
            // A member is owed no more for a kWh that nobody has paid than the grid would have asked.
            let most = import_price(ctx, &deal.microgrid, grid, credit::current(ctx, grid));
            if deal.price > most && !planted!("credit-at-any-price") {
                return Err(Reason::CreditExceeded);
            }
            credit::reserve(ctx, &deal.microgrid, grid, &charger, amount)
        }
        Funding::Balance => {
            credit::check(ctx, &deal.microgrid, grid, &charger)?;
            if amount == Amount::ZERO {
                return Ok(());
            }
            let code = tab::member(ctx, &deal.microgrid, &charger)?.code;
            let (debit, credit) = (ledger::wallet(charger), grid.account(code));
            let entry = Entry::new(debit, credit, grid.asset, amount);
            ledger::reserve(ctx, id, &entry, Address::of_microgrid(&deal.microgrid))
        }
    }
}
