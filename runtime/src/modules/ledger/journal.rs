use super::{ENTRY_KEYS, allow_entry, check_entry, post_entry};
use crate::modules::{Action, Ctx, weights};
use wattle_primitives::call::ledger::Journal;
use wattle_primitives::{Reason, Weight};

impl Action for Journal {
    fn check(&self) -> Result<(), Reason> {
        if self.entries.is_empty() {
            return Err(Reason::OutOfRange);
        }
        self.entries.iter().try_for_each(check_entry)
    }

    fn weight(&self) -> Weight {
        let entries = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        weights::keys(entries.saturating_mul(ENTRY_KEYS))
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        self.entries.iter().try_for_each(|entry| {
            allow_entry(ctx, entry)?;
            post_entry(ctx, entry)
        })
    }
}
