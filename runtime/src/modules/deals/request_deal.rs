use super::records::{Deal, DealState};
use super::usage::END_KEYS;
use super::{ASK_KEYS, LIST, agreed, check_end, check_offer, queue};
use crate::keys;
use crate::modules::energy::{self, credit, tab, terms};
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use crate::records::Due;
use wattle_primitives::call::deals::{DEAL_WH_MAX, REQUEST_MS_MAX, RequestDeal, deal_id};
use wattle_primitives::event::DealsEvent;
use wattle_primitives::{BoundedVec, Reason, WattHours, Weight};

impl Action for RequestDeal {
    fn check(&self) -> Result<(), Reason> {
        let Self { wh_max, wh_min, unit_wh, price, .. } = *self;
        check_offer(wh_max, price)?;
        let (least, unit) = (wh_min > WattHours::ZERO, unit_wh > WattHours::ZERO);
        if !least || wh_min > wh_max || !unit || unit_wh.0 > DEAL_WH_MAX {
            return Err(Reason::OutOfRange);
        }
        agreed(wh_max, wh_max, wh_min, unit_wh).map(drop)
    }

    fn weight(&self) -> Weight {
        // Whoever asks pays for the end as well: that comes by itself.
        weights::keys(ASK_KEYS + END_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Asks for a deal.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { microgrid, reference, side, wh_max, wh_min, unit_wh, price, expires_ms } = *self;
        let requester = ctx.on_behalf_of();
        let id = deal_id(&requester, &reference);
        let grid = energy::microgrid(ctx, &microgrid)?;
        energy::upkeep::running(&grid)?;
        tab::trader(ctx, &microgrid, &requester)?;
        let current = credit::current(ctx, &grid);
        terms::at(ctx, &microgrid, &grid, current).ok_or(Reason::NoTerms)?;
        check_end(ctx, expires_ms, REQUEST_MS_MAX)?;
        if ctx.state.contains(keys::deal(&id)) || ctx.state.contains(keys::queue(expires_ms, &Due::Deal(id)))
        {
            return Err(Reason::AlreadyExists);
        }
        let mut deal = Deal {
            microgrid,
            index: LIST.add(ctx, &microgrid, &id)?,
            requester,
            side,
            wh: wh_max,
            wh_min,
            unit_wh,
            price,
            expires_ms,
            deposit: ledger::deposit(ctx)?,
            acceptors: BoundedVec::default(),
            state: DealState::Requested,
        };
        queue(ctx, &id, &mut deal, expires_ms);
        ctx.state.write(keys::deal(&id), &deal);
        ctx.emit(DealsEvent::DealRequested { deal: id, microgrid, account: requester, side, wh_max, price });
        Ok(())
    }
}
