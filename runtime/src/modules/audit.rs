//! Checks a whole state: for tests and for an auditor. Never part of a block's execution.
//!
//! Each module has its own rules, and sees every entry.

use super::deals::invariants as deals;
use super::disputes::invariants as disputes;
use super::energy::invariants as energy;
use super::identity::invariants as identity;
use super::invariants::{Entry, Rules as _, Sums, Violation};
use super::ledger::invariants as ledger;
use super::market::invariants as market;
use super::token::invariants as token;
use crate::State;
use crate::key::tag;
use crate::records::Counters;

/// Runs every module's rules in one pass.
macro_rules! check_all {
    ($state:expr, $sums:expr, $($rules:ident),*) => {{
        $(let mut $rules = $rules::Rules::default();)*
        for (key, value) in $state.entries() {
            let entry = Entry { state: $state, key, value };
            numbers_given_out(&entry, $sums);
            $($rules.take(&entry, $sums)?;)*
        }
        $($rules.check($state)?;)*
    }};
}

/// Checks every rule over the whole state: O(entries).
///
/// # Errors
/// The first [`Violation`] found.
pub fn invariants(state: &State) -> Result<(), Violation> {
    let mut sums = Sums::default();
    check_all!(state, &mut sums, ledger, token, identity, energy, market, deals, disputes);
    deposits_and_lists(state, sums)
}

/// As many books, assets and microgrids as numbers were given out.
fn numbers_given_out(entry: &Entry<'_>, sums: &mut Sums) {
    if entry.tag() == tag::COUNTERS {
        let counters: Counters = entry.record();
        sums.expect("assets", u64::from(counters.assets));
        sums.expect("books", counters.books.saturating_sub(1));
        sums.expect("microgrids", u64::from(counters.microgrids));
        sums.expect("microgrid index", u64::from(counters.microgrids));
    }
}

fn deposits_and_lists(state: &State, sums: Sums) -> Result<(), Violation> {
    let held = super::ledger::deposits(state);
    if held.0 < sums.owed {
        return Err(Violation::Deposits { held: held.0, owed: sums.owed });
    }
    match sums.lists.into_iter().find(|(_, (got, expected))| got != expected) {
        Some((what, (got, expected))) => Err(Violation::Count { what, expected, got }),
        None => Ok(()),
    }
}
