//! The rules of disputes: each gives its deposit back.

use super::records::Dispute;
use crate::State;
use crate::keys::tag;
use crate::modules::invariants::{self, Entry, Sums, Violation};

#[derive(Default)]
pub(crate) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        if entry.tag() == tag::DISPUTE {
            sums.owe(entry.record::<Dispute>().deposit);
        }
        Ok(())
    }

    fn check(self, _state: &State) -> Result<(), Violation> {
        Ok(())
    }
}
