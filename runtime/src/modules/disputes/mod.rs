//! Disputes: a member contests a bill by two readings that its meter signed.
//!
//! The readings are evidence, not a calculation: that they are genuine and of one meter is checked here, what follows
//! from them is decided by people. Who they are is fixed when a dispute is opened: the operator alone, if the terms of
//! then leave it to it; else so many votes on one side of those who are members then, each having one, the operator
//! too, the claimant none. An operator that decided alone all the same could pay a friend out of what members paid in.
//! Of a claim that is granted a member gets as much as it was ever charged and not granted before.
//!
//! A dispute that is not decided in time expires, and is withdrawn by whoever cares to.

mod decide_dispute;
pub mod keys;
mod open_dispute;
pub mod query;
pub mod records;
mod withdraw_dispute;

use super::invariants::{self, Entry, Sums, Violation, require};
use super::list::List;
use super::{Ctx, ledger};
use crate::keys::tag;
use wattle_primitives::call::DisputesCall;
use wattle_primitives::{Hash, Reason};

actions! { DisputesCall { OpenDispute, DecideDispute, WithdrawDispute } }

/// A microgrid's disputes.
const LIST: List<Hash> = List { count: keys::dispute_count, at: keys::dispute_index };

/// Forgets a dispute, and gives its deposit back.
fn close(ctx: &mut Ctx<'_>, id: &Hash, dispute: &records::Dispute) -> Result<(), Reason> {
    ctx.state.remove(keys::dispute(id));
    if let Some(moved) = LIST.remove(ctx, &dispute.microgrid, dispute.index)
        && let Some(mut other) = ctx.state.read(keys::dispute(&moved))
    {
        other.index = dispute.index;
        ctx.state.write(keys::dispute(&moved), &other);
    }
    ledger::refund(ctx, &dispute.deposit)
}

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
