//! Tests of the whole: the deterministic simulator with its oracle, and what end-to-end tests share.

pub mod sim;
