use super::{mandate, microgrid};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::energy::SetMandate;
use wattle_primitives::{Reason, Weight, planted};

impl Action for SetMandate {
    fn check(&self) -> Result<(), Reason> {
        let sound = self.mandate.is_none_or(|mandate| mandate.is_sound());
        if sound { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        weights::keys(8)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, owner) = (&self.microgrid, ctx.on_behalf_of());
        let grid = microgrid(ctx, id)?;
        let Some(given) = &self.mandate else { return mandate::revoke(ctx, id, &owner) };
        if ctx.grant().is_some() && !planted!("mandate-by-grant") {
            return Err(Reason::CallNotGranted); // what it lets settlement take would outlive the grant
        }
        if given.expires_ms <= ctx.time_ms() {
            return Err(Reason::BadTime);
        }
        mandate::give(ctx, id, &grid, owner, given)
    }
}
