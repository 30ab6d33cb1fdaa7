//! Differences, counted by name.

use openpaygo::Divergence;
use std::collections::BTreeMap;

/// How often each divergence was met, and in how many cases there was none.
#[derive(Default)]
pub(crate) struct Tally {
    alike: u64,
    met: BTreeMap<Divergence, u64>,
}

impl Tally {
    /// Counts one case with the divergences that it shows.
    pub(crate) fn add(&mut self, found: &[Divergence]) {
        self.alike += u64::from(found.is_empty());
        for divergence in found {
            *self.met.entry(*divergence).or_default() += 1;
        }
    }

    /// Prints the counts. Each divergence of `expected` must have been met: one that no case shows any more is gone,
    /// or the cases no longer reach it.
    pub(crate) fn close(&self, what: &str, expected: &[Divergence]) {
        println!("{what}: {} cases alike", self.alike);
        for (divergence, times) in &self.met {
            println!("  {divergence}: {times}");
        }
        for divergence in expected {
            assert!(self.met.contains_key(divergence), "{divergence} was not met");
        }
        for divergence in self.met.keys() {
            assert!(expected.contains(divergence), "{divergence} was not expected here");
        }
    }
}
