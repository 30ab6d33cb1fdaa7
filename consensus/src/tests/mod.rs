//! Tests of the whole core: one step at a time, and many cores in a deterministic network.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation is what a test reports")]

mod evidence;
mod light;
mod sim;
mod sim_node;
mod sim_runs;
mod steps;
mod table;
