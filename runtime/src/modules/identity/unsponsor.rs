use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::identity::Unsponsor;
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Reason, Weight};

impl Action for Unsponsor {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(4)
    }

    fn reach(&self) -> Reach {
        Reach::Never
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (sponsor, grantee) = (ctx.on_behalf_of(), self.grantee);
        let key = keys::sponsorship(&sponsor, &grantee);
        let old = ctx.state.read(key).ok_or(Reason::UnknownGrant)?;
        ctx.state.remove(key);
        ctx.emit(IdentityEvent::SponsorshipEnded { sponsor, grantee });
        ledger::refund(ctx, &old.deposit)
    }
}
