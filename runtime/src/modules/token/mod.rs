//! Assets: who may create units, and moving them.

mod burn;
mod issue;
mod mint;
pub mod query;
mod transfer;

use super::invariants::{self, Entry, Sums, Violation};
use super::ledger::records::Asset;
use crate::keys::tag;
use wattle_primitives::call::TokenCall;
use wattle_primitives::{Amount, Reason};

actions! { TokenCall { Issue, Mint, Burn, Transfer } }

/// There are as many assets as were numbered.
#[derive(Default)]
pub(super) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        if entry.tag() == tag::ASSET {
            let _: Asset = entry.record();
            sums.found("assets");
        }
        Ok(())
    }
}

/// Refuses to move nothing.
fn check_amount(amount: Amount) -> Result<(), Reason> {
    if amount == Amount::ZERO { Err(Reason::ZeroAmount) } else { Ok(()) }
}
