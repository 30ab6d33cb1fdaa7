//! Benchmarks of the crates below the node, in `benches/`; `scripts/bench` runs them.
