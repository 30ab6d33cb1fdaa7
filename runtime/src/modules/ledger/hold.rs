use super::holds::make;
use super::posting::balanced;
use super::{allow_entry, check_entry, close_keys, entry_keys};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::{HOLD_MS_MAX, Hold, hold_id};
use wattle_primitives::{Amount, Reason, TimeMs, Weight};

impl Action for Hold {
    fn check(&self) -> Result<(), Reason> {
        if self.ttl_ms.is_some_and(|ttl_ms| ttl_ms.0 == 0 || ttl_ms.0 > HOLD_MS_MAX) {
            return Err(Reason::BadTime);
        }
        check_entry(&self.entry)
    }

    fn weight(&self) -> Weight {
        let made = entry_keys(&self.entry).saturating_add(2); // the hold, the queue
        // Whoever makes it pays for its end as well: that comes by itself.
        weights::keys(made.saturating_add(close_keys(&self.entry)))
    }

    fn reach(&self) -> Reach {
        Reach::Book
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        allow_entry(ctx, &self.entry)?;
        let entry = balanced(ctx, &self.entry)?;
        if entry.amount == Amount::ZERO {
            return Err(Reason::ZeroAmount);
        }
        let id = hold_id(&ctx.on_behalf_of(), &self.reference);
        let expires_ms = match self.ttl_ms {
            Some(ttl_ms) => ctx.time_ms().checked_add(ttl_ms).ok_or(Reason::BadTime)?,
            None => TimeMs::MAX,
        };
        make(ctx, &id, &entry, self.captor, expires_ms, false)
    }
}
