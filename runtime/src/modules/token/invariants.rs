//! The token module's rules: as many assets as were numbered.

use crate::State;
use crate::keys::tag;
use crate::modules::invariants::{self, Entry, Sums, Violation};
use crate::modules::ledger::records::Asset;

#[derive(Default)]
pub(crate) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        if entry.tag() == tag::ASSET {
            let _: Asset = entry.record();
            sums.found("assets");
        }
        Ok(())
    }

    fn check(self, _state: &State) -> Result<(), Violation> {
        Ok(())
    }
}
