use super::CLOSE_KEYS;
use super::holds::{open_for, release};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::Void;
use wattle_primitives::{Reason, Weight};

impl Action for Void {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(CLOSE_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Book
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let hold = open_for(ctx, &self.hold, ctx.on_behalf_of())?;
        release(ctx, &self.hold, &hold, false)
    }
}
