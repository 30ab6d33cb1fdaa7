use super::CLOSE_KEYS;
use super::holds::{After, capture_open, open_for};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::Capture;
use wattle_primitives::{Amount, Reason, Weight};

impl Action for Capture {
    fn check(&self) -> Result<(), Reason> {
        if self.amount == Some(Amount::ZERO) { Err(Reason::ZeroAmount) } else { Ok(()) }
    }

    fn weight(&self) -> Weight {
        weights::keys(CLOSE_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Book
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let hold = open_for(ctx, &self.hold, ctx.on_behalf_of())?;
        let after = if self.more { After::Stand } else { After::End };
        let amount = self.amount.unwrap_or(hold.entry.amount);
        capture_open(ctx, &self.hold, hold, amount, after)
    }
}
