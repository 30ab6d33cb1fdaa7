//! Goal: nobody bends the ledger's clock, and no village stands still for want of one. Every final block of every run
//! is held to the fastest honest clock (`Sim::commit_one`), every block of an honest leader to its own (`Sim::build`).

use super::sim::{Bend, EPOCH_LENGTH, Faults, Rng, Sim, TIMING, WALL_MS, key, set_of};
use super::sim_runs::CALM;
use crate::clock::BEHIND_MS_MAX;
use std::cell::Cell;
use wattle_primitives::{Certificate, Epoch, Header};

/// As many validators as may lie: less than a third of the power of every set.
fn liars(nodes: usize) -> usize {
    let bearable = |liars: usize| {
        (0..12).all(|epoch| {
            let set = set_of(nodes, Epoch(epoch));
            let bad: u64 =
                (0..liars).filter_map(|i| set.get(set.index_of(&key(i))?)).map(|v| v.power.0).sum();
            3 * bad < set.total().0
        })
    };
    (1..nodes).rev().find(|liars| bearable(*liars)).unwrap()
}

/// Which operating systems have a clock.
#[derive(Clone, Copy, Debug)]
enum Have {
    All,
    Half,
    None,
}

/// A run in which liars date blocks; others' clocks differ by up to so many ms, and everybody starts again at times.
fn run(seed: u64, nodes: usize, bend: Bend, have: Have, spread_ms: u64) -> Sim {
    let faults = Faults { crash_permille: 2, power_cut_permille: 3, ..CALM };
    let (mut sim, mut rng) = (Sim::new(seed, nodes, faults), Rng::new(seed));
    for node in 0..nodes {
        let has = match have {
            Have::All => true,
            Have::Half => node % 2 == 0,
            Have::None => false,
        };
        sim.clocks[node] = has.then(|| rng.below(spread_ms + 1) as i64);
    }
    sim.bend = Some((liars(nodes), bend));
    sim.run_until(60_000, |_| false);
    sim
}

fn every_run(bend: Bend, check: impl Fn(&Sim, usize)) {
    for nodes in [4, 7, 10, 13, 16] {
        for have in [Have::All, Have::Half, Have::None] {
            for (seed, spread_ms) in [(1, 3), (2, 200), (3, 2_000)] {
                let mut sim = run(seed, nodes, bend, have, spread_ms);
                check(&sim, liars(nodes));
                let (height, end) = (sim.height_max() + 5, sim.now + 60_000);
                sim.heal();
                sim.run_until(end, |s| s.height_min() >= height);
                assert!(sim.height_min() >= height, "stalled, {nodes} nodes, {have:?}, seed {seed}");
            }
        }
    }
}

fn longest(sim: &Sim) -> &[(Header, Option<Certificate>)] {
    sim.nodes.iter().map(|n| &n.chain).max_by_key(|chain| chain.len()).unwrap()
}

/// Final blocks of the first so many validators.
fn blocks_of(sim: &Sim, liars: usize) -> usize {
    longest(sim).iter().filter(|(h, _)| (0..liars).any(|i| key(i) == h.proposer)).count()
}

#[test]
fn liars_push_the_ledgers_clock_by_no_more_than_the_skew_in_all() {
    let (turns, ahead) = (Cell::new(0), Cell::new(0));
    every_run(Bend::Ahead, |sim, liars| {
        turns.set(turns.get() + blocks_of(sim, liars));
        ahead.set(ahead.get() + sim.ahead);
    });
    let (turns, ahead) = (turns.get(), ahead.get());
    assert!(turns > 500 && ahead > 100, "liars led {turns} final blocks, {ahead} were ahead of every clock");
}

#[test]
fn liars_hold_the_ledgers_clock_back_until_the_next_honest_leader_at_most() {
    let turns = Cell::new(0);
    every_run(Bend::Back, |sim, liars| turns.set(turns.get() + blocks_of(sim, liars)));
    assert!(turns.get() > 500, "{}", turns.get());
}

#[test]
fn a_village_goes_on_after_a_power_cut_with_any_number_of_clocks_in_it() {
    const CUT_MS: u64 = 3 * BEHIND_MS_MAX;
    for nodes in [4, 7, 10] {
        for right in 0..=nodes {
            let mut sim = Sim::new(right as u64, nodes, CALM);
            sim.run_until(20_000, |_| false);
            let (before, height) = (longest(&sim).last().unwrap().0.time_ms, sim.height_max());
            assert!(height > 5);
            for (node, clock) in sim.clocks.iter_mut().enumerate() {
                *clock = clock.filter(|_| node < right);
            }
            (0..nodes).for_each(|node| sim.cut_power(node, Some(CUT_MS)));
            let (up, end) = (sim.now + CUT_MS, sim.now + CUT_MS + 60_000);
            sim.run_until(end, |_| false);
            assert!(sim.height_min() > height + 5, "{right} of {nodes}: {} after {height}", sim.height_min());
            // More than a third of the power has a clock: the rest goes by it, and the ledger tells the time.
            let set = set_of(nodes, Epoch(sim.height_min() / EPOCH_LENGTH));
            let power: u64 =
                (0..right).filter_map(|i| set.get(set.index_of(&key(i))?)).map(|v| v.power.0).sum();
            let after = longest(&sim).last().unwrap().0.time_ms.0;
            let told = after.abs_diff(WALL_MS + sim.now) < 5_000;
            let carried = after >= before.0 && after <= before.0 + (sim.now - up) + TIMING.clock_skew_ms_max;
            assert!(if 3 * power > set.total().0 { told } else { told || carried }, "{right} of {nodes}");
        }
    }
}
