//! Tests of the whole core: one step at a time, and many cores in a deterministic network.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation is what a test reports")]

mod evidence;
mod light;
mod sim;
mod sim_node;
mod sim_runs;
mod stall;
mod steps;
mod table;
mod time;

use std::ops::Range;
use wattle_primitives::{SecretKey, Validator, ValidatorSet, VotingPower};

fn secret(i: u8) -> SecretKey {
    SecretKey::from_seed([i + 1; 32])
}

/// Validators with these keys, all of the same power.
fn set(members: Range<u8>) -> ValidatorSet {
    let member = |i| Validator { key: secret(i).public(), power: VotingPower(1) };
    ValidatorSet::new(members.map(member).collect()).unwrap()
}
