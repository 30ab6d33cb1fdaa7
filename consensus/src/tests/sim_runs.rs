//! Goal: agreement always; progress once faults stop. `SEED=n` replays one run, `SEEDS=n` sets how many.

use super::sim::{Faults, Sim};

fn seeds(count: u64) -> std::ops::Range<u64> {
    let from_env = |name: &str| std::env::var(name).ok().and_then(|s| s.parse::<u64>().ok());
    match from_env("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_env("SEEDS").unwrap_or(count),
    }
}

fn run(seed: u64, nodes: usize, faults: Faults) -> Sim {
    let mut sim = Sim::new(seed, nodes, faults);
    sim.run_until(30_000, |_| false);
    sim.heal();
    let (healed, target) = (sim.now, sim.height_max() + 10);
    let end = sim.now + 120_000;
    sim.run_until(end, |s| s.height_min() >= target);
    if std::env::var("STATS").is_ok() {
        println!(
            "STAT seed={seed} nodes={nodes} target={target} heal_ms={} events={}",
            sim.now - healed,
            sim.events
        );
    }
    assert!(
        sim.height_min() >= target,
        "stalled after heal at {} of {target}, seed={seed} nodes={nodes} {faults:?}\n{:#?}",
        sim.height_min(),
        sim.nodes.iter().map(|n| n.core.as_ref().map(crate::Core::status)).collect::<Vec<_>>()
    );
    sim
}

pub(super) const CALM: Faults = Faults {
    drop_permille: 0,
    delay_ms_max: 30,
    duplicate_permille: 0,
    crash_permille: 0,
    partition_permille: 0,
    power_cut_permille: 0,
    liar: false,
};

#[test]
fn one_validator_finalizes_alone_and_fast() {
    let mut sim = Sim::new(1, 1, CALM);
    sim.run_until(30_000, |_| false);
    assert!(sim.height_min() > 14, "{}", sim.height_min());
    for seed in seeds(100) {
        run(seed, 1, Faults { crash_permille: 30, ..CALM });
    }
}

#[test]
fn a_calm_network_never_gives_a_view_up() {
    for (seed, nodes) in [(1, 4), (2, 7)] {
        let mut sim = Sim::new(seed, nodes, CALM);
        sim.run_until(60_000, |_| false);
        assert!(sim.height_min() > 30, "{}", sim.height_min());
        let timeouts: u64 = sim.nodes.iter().map(|n| n.core.as_ref().unwrap().status().timeouts).sum();
        assert_eq!(timeouts, 0);
    }
}

#[test]
fn loss_crashes_and_partitions_never_fork_and_always_heal() {
    for nodes in [4, 7] {
        for seed in seeds(100) {
            let faults = Faults {
                drop_permille: (seed % 4) * 100,
                delay_ms_max: 20 + (seed % 5) * 60,
                duplicate_permille: 100,
                crash_permille: (seed % 3) * 8,
                partition_permille: (seed % 2) * 10,
                power_cut_permille: (seed % 5) * 2,
                liar: false,
            };
            run(seed, nodes, faults);
        }
    }
}

#[test]
fn one_liar_cannot_fork_or_stop_the_rest() {
    let mut accused = 0;
    for nodes in [4, 7] {
        for seed in seeds(100) {
            let faults = Faults {
                drop_permille: (seed % 3) * 100,
                delay_ms_max: 20 + (seed % 4) * 40,
                duplicate_permille: 50,
                crash_permille: (seed % 2) * 6,
                partition_permille: (seed % 5 / 4) * 10,
                power_cut_permille: (seed % 7 / 5) * 4,
                liar: true,
            };
            let sim = run(seed, nodes, faults);
            accused += sim.nodes.iter().map(|n| n.evidence.len()).sum::<usize>();
        }
    }
    assert!(accused > 0, "lies leave evidence");
}
