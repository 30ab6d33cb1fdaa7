//! Tests of the whole: the deterministic simulator with its oracle, and the list of planted faults.

pub mod faults;
pub mod sim;
