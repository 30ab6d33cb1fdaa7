use super::{microgrid, tab};
use crate::modules::{Action, Ctx, weights};
use wattle_primitives::call::energy::PayTab;
use wattle_primitives::{Reason, Weight};

impl Action for PayTab {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(20)
    }

    /// Settles the sender's tab as far as there is money.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let grid = microgrid(ctx, &self.microgrid)?;
        let sender = ctx.on_behalf_of();
        tab::pay(ctx, &self.microgrid, &grid, sender, tab::By::Member).map(drop)
    }
}
