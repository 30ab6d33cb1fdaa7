use super::{microgrid, positions, tab};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::energy::PayTab;
use wattle_primitives::{Amount, Reason, Weight};

impl Action for PayTab {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(24)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    /// Pays what the sender owes, or has it paid what it is owed when settlement next shares out the cash.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let grid = microgrid(ctx, &self.microgrid)?;
        let sender = ctx.on_behalf_of();
        let paid = tab::pay(ctx, &self.microgrid, &grid, sender, tab::By::Member)?;
        if paid > Amount::ZERO {
            return Ok(());
        }
        positions::ask_payout(ctx, &self.microgrid, &grid, &sender)
    }
}
