//! Checks a whole state: for tests and for an auditor. Never part of a block's execution.
//!
//! Each module has its own rules, and sees every entry.

use super::invariants::{Entry, Sums, Violation, require};
use crate::State;
use crate::key::{queue, queue_time, tag};
use crate::records::{Counters, Due};

/// Checks every rule over the whole state: O(entries).
///
/// # Errors
/// The first [`Violation`] found.
pub fn invariants(state: &State) -> Result<(), Violation> {
    let mut sums = Sums::default();
    super::check_rules(state, &mut sums)?;
    deposits_and_lists(state, sums)
}

/// Due work stands under the key that its time and itself make.
pub(super) fn queued(entry: &Entry<'_>) -> Result<(), Violation> {
    if entry.tag() != tag::QUEUE {
        return Ok(());
    }
    let due: Due = entry.record();
    let key = queue_time(entry.key).map(|time_ms| queue(time_ms, &due));
    require(key.is_some_and(|key| *key == *entry.key), *due.id(), "due work stands under another's key")
}

/// As many books, assets and microgrids as numbers were given out.
pub(super) fn numbers_given_out(entry: &Entry<'_>, sums: &mut Sums) {
    if entry.tag() == tag::COUNTERS {
        let counters: Counters = entry.record();
        sums.expect("assets", u64::from(counters.assets));
        sums.expect("books", u64::from(counters.books));
        sums.expect("book numbers", u64::from(counters.books));
        sums.expect("owned books", u64::from(counters.books));
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
