use super::close;
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::disputes::WithdrawDispute;
use wattle_primitives::event::DisputesEvent;
use wattle_primitives::{Reason, Weight};

impl Action for WithdrawDispute {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(10)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let id = &self.dispute;
        let dispute = ctx.state.read(keys::dispute(id)).ok_or(Reason::UnknownDispute)?;
        let (by, account) = (ctx.on_behalf_of(), dispute.account);
        if by != account && !dispute.is_over(ctx.time_ms()) {
            return Err(Reason::NotAllowed);
        }
        ctx.emit(DisputesEvent::DisputeWithdrawn { dispute: *id, microgrid: dispute.microgrid, account, by });
        close(ctx, id, &dispute)
    }
}
