use super::{allow_entry, check_entry, entry_keys, post_entry};
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
        weights::keys(self.entries.iter().fold(0, |keys: u64, entry| keys.saturating_add(entry_keys(entry))))
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        self.entries.iter().try_for_each(|entry| {
            allow_entry(ctx, entry)?;
            post_entry(ctx, entry)
        })
    }
}
