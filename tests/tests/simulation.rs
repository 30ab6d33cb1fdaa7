//! Goal: agreement always, whatever fails and whoever lies; progress once faults stop; nothing that was called final
//! is ever lost. `SEED=n` replays one run in words, `SEEDS=n` sets how many, `NODES=n` how many validators.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use wattle_tests::sim::{
    Bend, Failure, Faults, Line, Mark, Outage, Outcome, Plan, Plant, Summary, Topology, run,
};

/// Seeds of a run of the tests.
const SEEDS: u64 = 300;
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
    println!("{} seeds: {} blocks, {} transactions", results.len(), sum(|o| o.blocks), sum(|o| o.txs));
    let mut coverage = Summary::default();
    results.iter().flatten().for_each(|o| coverage.add(&o.coverage));
    println!("{coverage}");
    if one.is_none() && nodes.is_none() && count >= SEEDS {
        // A simulation in which something never goes wrong shows nothing about it.
        assert!(coverage.missing().is_empty(), "never exercised: {:?}", coverage.missing());
        assert!(sum(|o| o.coverage.count(Mark::Crash)) > 100 && sum(|o| o.txs) > 1_000);
        assert!(results.iter().flatten().any(|o| o.blocks > 60), "several epochs are seen");
    }
}

#[test]
fn a_calm_network_finalizes_everything() {
    for validators in [1, 4, 7, 10] {
        let outcome = run(Plan::calm(1, validators)).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(outcome.blocks > 20 && outcome.txs > 40, "{outcome:?}");
        assert_eq!(outcome.coverage.count(Mark::QuorumLost), 0, "nobody is missing: {outcome:?}");
    }
}

#[test]
fn rings_and_stars_live_by_relay() {
    for (topology, validators) in
        [(Topology::Ring, 4), (Topology::Star, 4), (Topology::Ring, 10), (Topology::Star, 10)]
    {
        let outcome =
            run(Plan { topology, ..Plan::calm(2, validators) }).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(outcome.blocks > 20 && outcome.txs > 40, "{outcome:?}");
        // Nobody is slow and nobody lies: what is relayed arrives before any timer gives a view up.
        assert_eq!(outcome.coverage.count(Mark::Nullified), 0, "{topology:?} of {validators}: {outcome:?}");
        assert!(outcome.coverage.count(Mark::Relay) > 0);
        assert_eq!(outcome.coverage.count(Mark::QuorumLost), 0, "all are heard through others: {outcome:?}");
    }
}

/// Four validators, a block at most every two seconds, some two transactions a second.
fn village(seed: u64) -> Plan {
    let clients_ms = (500, 1_500);
    Plan { lights: 0, block_interval_ms: 2_000, clients_ms, epoch_length: 200, ..Plan::calm(seed, 4) }
}

#[test]
fn a_follower_at_64_kbit_s_and_300_ms_catches_up_and_stays_level() {
    let follower = 5; // two peers
    let plan = Plan {
        topology: Topology::Ring,
        followers: 2,
        lines: vec![Line::radio(follower)],
        lines_heal: false,
        outages: vec![Outage { node: follower, from_ms: 0, to_ms: 150_000 }],
        storm_ms: 240_000,
        ..village(5)
    };
    let outcome = run(plan).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{} blocks, {} transactions, lag {}", outcome.blocks, outcome.txs, outcome.lag_before_healing);
    assert!(outcome.blocks_before_healing > 60 && outcome.lag_before_healing <= 5, "{outcome:?}");
}

#[test]
fn a_validator_that_lags_at_64_kbit_s_catches_up_when_it_is_needed_for_a_quorum() {
    let (lags, dies, at_ms) = (3, 2, 150_000);
    let plan = |storm_ms| Plan {
        followers: 0,
        clients_ms: (1_000, 3_000),
        lines: vec![Line::radio(lags)],
        lines_heal: false,
        outages: vec![
            Outage { node: lags, from_ms: 0, to_ms: at_ms },
            Outage { node: dies, from_ms: at_ms, to_ms: u64::MAX },
        ],
        storm_ms,
        ..village(6)
    };
    let blocks = |storm_ms| {
        let outcome = run(plan(storm_ms)).unwrap_or_else(|failure| panic!("{failure}"));
        println!("{} blocks, {} transactions by {storm_ms} ms", outcome.blocks_before_healing, outcome.txs);
        outcome.blocks_before_healing
    };
    let before = blocks(at_ms);
    assert!(before > 40, "three of four go on");
    assert!(blocks(at_ms + 120_000) > before + 10, "the fourth is needed from then on");
}

/// Goal: however many turns liars get, the ledger's clock is never ahead of the fastest honest one by more than the
/// skew (which the oracle holds every final block of every run to), nor behind an honest leader's; with clocks,
/// without, and with some, whoever starts again when. And the network goes on.
#[test]
fn liars_do_not_bend_the_ledgers_clock_however_many_turns_they_get() {
    let spread = |skew_ms_max| Faults { skew_ms_max, ..Faults::NONE };
    let restarts = |clock_1970| Faults { crash: 10, power_cut: 20, clock_1970, ..spread(200) };
    for validators in [4, 7, 10] {
        for bend in [Bend::Ahead, Bend::Back] {
            for faults in [spread(2), spread(240), restarts(0), restarts(500), restarts(1_000)] {
                let plan = Plan { faults, storm_ms: 20_000, ..Plan::calm(3, validators) };
                let plan = plan.with_bent_time(bend);
                let outcome = run(plan).unwrap_or_else(|failure| panic!("{failure}"));
                let turns = outcome.coverage.count(Mark::TimeAhead) + outcome.coverage.count(Mark::TimeBack);
                assert!(turns > 10 && outcome.blocks > 20, "{turns} turns: {outcome:?}");
                let carried = outcome.coverage.count(Mark::TimeCarried) > 0;
                assert_eq!(carried, faults.clock_1970 > 0, "{outcome:?}");
            }
        }
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

/// Runs seeds with a planted fault until the oracle says one of these.
fn assert_found(plant: Plant, faults: Faults, words: &[&str]) {
    let plan = |seed| Plan { plant: Some(plant), faults, followers: 0, lights: 0, ..Plan::calm(seed, 4) };
    let mut said = Vec::new();
    for seed in 0..40 {
        let Err(failure) = run(plan(seed)) else { continue };
        if words.iter().any(|word| failure.what.contains(word)) {
            return;
        }
        said.push(failure.what); // noticed, but by something else
    }
    panic!("none of {words:?} in {said:?}");
}

/// The oracle's words for a validator that contradicts itself.
const CONTRADICTION: [&str; 3] = ["DOUBLE VOTE", "nullify and finalize", "evidence against"];

#[test]
fn unsynced_votes_are_found_as_double_votes() {
    let faults =
        Faults { crash: 60, power_cut: 60, loss: 150, delay_ms_max: 200, down_ms_max: 300, ..Faults::NONE };
    assert_found(Plant::UnsyncedVotes, faults, &CONTRADICTION);
}

#[test]
fn unsynced_commits_are_found_as_lost_blocks() {
    assert_found(Plant::UnsyncedCommits, Faults { crash: 40, ..Faults::NONE }, &["LOST"]);
}

#[test]
fn a_cloned_key_is_found() {
    assert_found(Plant::ClonedKey, Faults { loss: 100, delay_ms_max: 100, ..Faults::NONE }, &CONTRADICTION);
}
