//! Disputes: a member contests a bill by two readings that its meter signed.
//!
//! The readings are evidence, not a calculation: that they are genuine and of one meter is checked here, what follows
//! from them is decided by people. The operator may grant a claim alone. Where the terms leave it to the operator, it
//! may refuse it alone as well; else so many members' votes on one side decide, each member having one, the claimant
//! none. No more is granted to a member in all than it was ever charged.

mod decide_dispute;
pub mod keys;
mod open_dispute;
pub mod records;

use super::invariants::{self, Entry, Sums, Violation};
use crate::keys::tag;
use wattle_primitives::call::DisputesCall;

actions! { DisputesCall { OpenDispute, DecideDispute } }

/// Each dispute gives its deposit back.
#[derive(Default)]
pub(super) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        if entry.tag() == tag::DISPUTE {
            sums.owe(entry.record::<records::Dispute>().deposit);
        }
        Ok(())
    }
}
