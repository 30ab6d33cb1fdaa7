use super::records::DealState;
use super::{PICK_KEYS, deal, usage};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::deals::{AbortDeal, DealEnd};
use wattle_primitives::event::DealsEvent;
use wattle_primitives::{BoundedVec, Reason, Weight};

impl Action for AbortDeal {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(PICK_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    /// Ends the sender's request, acceptance or deal.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let id = &self.deal;
        let mut deal = deal(ctx, id)?;
        let sender = ctx.on_behalf_of();
        if deal.state == DealState::Requested && deal.requester != sender {
            let key = keys::acceptance(id, &sender);
            let acceptance = ctx.state.read(key).ok_or(Reason::NotAllowed)?;
            ctx.state.remove(key);
            let others = deal.acceptors.iter().copied().filter(|account| *account != sender);
            deal.acceptors = BoundedVec::new(others.collect()).map_err(|_| Reason::BookFull)?;
            ctx.state.write(keys::deal(id), &deal);
            ctx.emit(DealsEvent::DealWithdrawn { deal: *id, account: sender });
            return ledger::refund(ctx, &acceptance.deposit);
        }
        match deal.state {
            DealState::Confirmed { partner } | DealState::Authorised { partner, .. }
                if sender != partner && sender != deal.requester =>
            {
                Err(Reason::NotAllowed)
            }
            DealState::Requested | DealState::Confirmed { .. } | DealState::Authorised { .. } => {
                usage::end(ctx, id, deal, DealEnd::Aborted)
            }
        }
    }
}
