use super::records::DealState;
use super::{PICK_KEYS, agreed, deal, forget_acceptances, queue};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, energy, weights};
use wattle_primitives::call::deals::{CONFIRMED_MS, ConfirmDeal};
use wattle_primitives::event::DealsEvent;
use wattle_primitives::{Reason, TimeMs, Weight};

impl Action for ConfirmDeal {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(PICK_KEYS + 1)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Picks an acceptance of the sender's request.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, partner) = (&self.request, self.partner);
        let mut deal = deal(ctx, id)?;
        if deal.requester != ctx.on_behalf_of() {
            return Err(Reason::NotAllowed);
        }
        if deal.state != DealState::Requested {
            return Err(Reason::DealState);
        }
        energy::microgrid(ctx, &deal.microgrid).and_then(|grid| energy::upkeep::running(&grid))?;
        energy::tab::trader(ctx, &deal.microgrid, &deal.requester)?;
        let acceptance = ctx.state.read(keys::acceptance(id, &partner)).ok_or(Reason::UnknownDeal)?;
        deal.price = deal.price_with(&acceptance);
        deal.wh = agreed(deal.wh, acceptance.wh_max, deal.wh_min, deal.unit_wh)?;
        deal.state = DealState::Confirmed { partner };
        forget_acceptances(ctx, id, &mut deal)?;
        let until = ctx.time_ms().saturating_add(TimeMs(CONFIRMED_MS));
        queue(ctx, id, &mut deal, until);
        ctx.state.write(keys::deal(id), &deal);
        let (charger, discharger) = deal.sides(partner);
        let (wh, price) = (deal.wh, deal.price);
        ctx.emit(DealsEvent::DealConfirmed { deal: *id, charger, discharger, wh, price });
        Ok(())
    }
}
