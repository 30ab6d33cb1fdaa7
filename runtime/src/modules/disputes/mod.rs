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

use super::invariants::{self, Entry, Sums, Violation, require};
use super::list::List;
use crate::keys::tag;
use wattle_primitives::Hash;
use wattle_primitives::call::DisputesCall;

actions! { DisputesCall { OpenDispute, DecideDispute } }

/// A microgrid's disputes.
const LIST: List<Hash> = List { count: keys::dispute_count, at: keys::dispute_index };

/// Each dispute is listed, and gives its deposit back.
#[derive(Default)]
pub(super) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        match entry.tag() {
            tag::DISPUTE => {
                let (id, dispute): (Hash, records::Dispute) = (entry.name(), entry.record());
                sums.owe(&dispute.deposit);
                sums.expect("disputes", 1);
                sums.found("dispute count");
                let listed = entry.state.read(keys::dispute_index(&dispute.microgrid, dispute.index));
                require(listed == Some(id), id, "dispute is not listed")
            }
            tag::DISPUTE_INDEX => {
                sums.found("disputes");
                Ok(())
            }
            tag::DISPUTE_COUNT => {
                sums.expect("dispute count", u64::from(entry.record::<u32>()));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
