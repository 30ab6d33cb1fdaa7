//! The identity module's rules: assets are listed, sponsorships give their deposit back.

use super::records::{Account, Sponsorship};
use crate::State;
use crate::keys::tag;
use crate::modules::invariants::{self, Entry, Sums, Violation};

#[derive(Default)]
pub(crate) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        match entry.tag() {
            tag::ACCOUNT => sums.expect("account assets", u64::from(entry.record::<Account>().assets)),
            tag::SPONSORSHIP => sums.owe(entry.record::<Sponsorship>().deposit),
            _ => {}
        }
        Ok(())
    }

    fn check(self, _state: &State) -> Result<(), Violation> {
        Ok(())
    }
}
