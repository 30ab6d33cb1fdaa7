//! Goal: agreement always, whatever fails and whoever lies; progress once faults stop; nothing that was called final
//! is ever lost. `SEED=n` replays one run in words, `SEEDS=n` sets how many, `NODES=n` how many validators.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use wattle_tests::sim::{Failure, Faults, Outcome, Plan, Plant, run};

/// Seeds of a run of the tests.
const SEEDS: u64 = 100;
/// Seeds with `scripts/test --long`.
const SEEDS_LONG: u64 = 2_000;
/// Threads over seeds; each run is in one.
const THREADS: usize = 2;

fn from_env<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn outcomes(seeds: std::ops::Range<u64>, plan: impl Fn(u64) -> Plan + Sync) -> Vec<Result<Outcome, Failure>> {
    let (next, results) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let result = run(plan(seed));
                    results.lock().expect("no thread panics while it holds this").push(result);
                }
            });
        }
    });
    results.into_inner().expect("all threads have ended")
}

#[test]
fn seeds_agree_recover_and_lose_nothing() {
    let (one, nodes) = (from_env::<u64>("SEED"), from_env("NODES"));
    let count = from_env("SEEDS").unwrap_or(if std::env::var("WATTLE_TEST_LONG").is_ok() {
        SEEDS_LONG
    } else {
        SEEDS
    });
    let seeds = one.map_or(0..count, |seed| seed..seed + 1);
    let results = outcomes(seeds, |seed| Plan { verbose: one.is_some(), ..Plan::of_seed(seed, nodes) });
    let failures: Vec<&Failure> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    for failure in &failures {
        eprintln!("{failure}\n  replay: scripts/sim --seed {} --verbose", failure.seed);
    }
    assert!(failures.is_empty(), "{} of {} seeds failed", failures.len(), results.len());
    let sum = |of: fn(&Outcome) -> u64| results.iter().flatten().map(of).sum::<u64>();
    println!(
        "{} seeds: {} blocks, {} transactions, {} crashes",
        results.len(),
        sum(|o| o.blocks),
        sum(|o| o.txs),
        sum(|o| o.crashes)
    );
    if one.is_none() && count >= SEEDS {
        // A simulation in which nothing goes wrong shows nothing.
        assert!(sum(|o| o.crashes) > 100 && sum(|o| o.evidence) > 100 && sum(|o| o.txs) > 1_000);
        assert!(results.iter().flatten().any(|o| o.blocks > 60), "several epochs are seen");
    }
}

#[test]
fn a_calm_network_finalizes_everything() {
    for validators in [1, 4, 7] {
        let outcome = run(Plan::calm(1, validators)).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(outcome.blocks > 20 && outcome.txs > 40, "{outcome:?}");
    }
}

#[test]
fn equal_seeds_are_equal_runs() {
    for seed in [3, 14, 37] {
        let (first, second) = (run(Plan::of_seed(seed, None)), run(Plan::of_seed(seed, None)));
        assert_eq!(first, second, "seed {seed}");
    }
    assert_ne!(run(Plan::of_seed(3, None)).map(|o| o.trace), run(Plan::of_seed(4, None)).map(|o| o.trace));
}

/// Runs seeds with a planted fault until the oracle notices; returns what it says.
fn found(plant: Plant, faults: Faults) -> String {
    let plan = |seed| Plan { plant: Some(plant), faults, follower: false, ..Plan::calm(seed, 4) };
    let found = (0..40).find_map(|seed| run(plan(seed)).err());
    found.map(|failure| failure.what).unwrap_or_default()
}

#[test]
fn unsynced_votes_are_found_as_double_votes() {
    let faults =
        Faults { crash: 60, power_cut: 60, loss: 150, delay_ms_max: 200, down_ms_max: 300, ..Faults::NONE };
    let what = found(Plant::UnsyncedVotes, faults);
    assert!(
        what.contains("DOUBLE VOTE")
            || what.contains("nullify and finalize")
            || what.contains("evidence against"),
        "{what}"
    );
}

#[test]
fn unsynced_commits_are_found_as_lost_blocks() {
    let what = found(Plant::UnsyncedCommits, Faults { crash: 40, ..Faults::NONE });
    assert!(what.starts_with("LOST"), "{what}");
}

#[test]
fn a_cloned_key_is_found() {
    let what = found(Plant::ClonedKey, Faults { loss: 100, delay_ms_max: 100, ..Faults::NONE });
    assert!(
        what.contains("DOUBLE VOTE")
            || what.contains("nullify and finalize")
            || what.contains("evidence against"),
        "{what}"
    );
}
