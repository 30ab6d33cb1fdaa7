use super::require_owner;
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::SetPeriod;
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{Reason, Weight};

impl Action for SetPeriod {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(1)
    }

    fn reach(&self) -> Reach {
        Reach::Book
    }

    /// Only what has passed can be closed: whatever has no date of its own is then always in an open period.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { book, closed_ms } = *self;
        let mut record = require_owner(ctx, book)?;
        if closed_ms > ctx.time_ms() || closed_ms == record.closed_ms {
            return Err(Reason::BadTime);
        }
        let before_ms = std::mem::replace(&mut record.closed_ms, closed_ms);
        ctx.state.write(keys::book(book), &record);
        ctx.emit(LedgerEvent::PeriodSet { book, closed_ms, before_ms });
        Ok(())
    }
}
