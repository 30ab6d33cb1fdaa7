//! This crate against the Python packages `openpaygo` 0.6.3 and `openpaygo-token` 2.4.0, which share no code with it.
//!
//! Random cases; each difference is counted under the name of its [`Divergence`], and one that has none fails. 20,000
//! cases by default, 200,000 with `WATTLE_TEST_LONG=1`; `SEED=n` repeats a run. Needs `scripts/setup --tests`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../it/random.rs"]
mod random;

mod legacy;
mod metrics;
mod peer;
mod tally;
mod token;

/// Cases of a run, a part in `of` parts.
fn cases(part: u64, of: u64) -> u64 {
    let all = if std::env::var_os("WATTLE_TEST_LONG").is_some() { 200_000 } else { 20_000 };
    all * part / of
}
