use super::records::{Acceptance, DealState};
use super::usage::ACCEPTANCE_KEYS;
use super::{ASK_KEYS, agreed, check_offer, deal};
use crate::keys;
use crate::modules::energy::{self, tab};
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::deals::AcceptDeal;
use wattle_primitives::event::DealsEvent;
use wattle_primitives::{BoundedVec, Reason, Weight};

impl Action for AcceptDeal {
    fn check(&self) -> Result<(), Reason> {
        check_offer(self.wh_max, self.price)
    }

    fn weight(&self) -> Weight {
        weights::keys(ASK_KEYS + ACCEPTANCE_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Accepts a request.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { request: ref id, wh_max, price } = *self;
        let account = ctx.on_behalf_of();
        let mut deal = deal(ctx, id)?;
        if deal.state != DealState::Requested {
            return Err(Reason::DealState);
        }
        if deal.requester == account {
            return Err(Reason::SameAccount);
        }
        energy::microgrid(ctx, &deal.microgrid).and_then(|grid| energy::upkeep::running(&grid))?;
        tab::trader(ctx, &deal.microgrid, &account)?;
        let wh = agreed(deal.wh, wh_max, deal.wh_min, deal.unit_wh)?;
        let key = keys::acceptance(id, &account);
        if ctx.state.contains(key) {
            return Err(Reason::AlreadyExists);
        }
        let mut acceptors = deal.acceptors.to_vec();
        acceptors.push(account);
        deal.acceptors = BoundedVec::new(acceptors).map_err(|_| Reason::BookFull)?;
        let acceptance = Acceptance { wh_max, price, deposit: ledger::deposit(ctx)? };
        ctx.state.write(key, &acceptance);
        ctx.state.write(keys::deal(id), &deal);
        ctx.emit(DealsEvent::DealAccepted { deal: *id, account, wh, price: deal.price_with(&acceptance) });
        Ok(())
    }
}
