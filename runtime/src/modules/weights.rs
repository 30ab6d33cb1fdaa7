//! Costs in weight units: about a microsecond each on the slowest supported validator.
//!
//! Measured on a development machine by `tests/bench` and multiplied by five for a Raspberry Pi 4 class machine.

use wattle_primitives::Weight;

/// Decoding, hashing, looking up and charging a transaction.
pub const TX: u64 = 30;
/// Verifying one signature in a batch.
pub const SIGNATURE: u64 = 50;
/// Reading, writing and hashing one key, and storing it.
pub const KEY: u64 = 20;
/// Bytes that are gossiped, hashed and stored for one unit.
pub const BYTES: u64 = 32;

/// `keys` keys touched.
#[must_use]
pub const fn keys(keys: u64) -> Weight {
    Weight(keys.saturating_mul(KEY))
}
