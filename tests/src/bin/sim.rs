//! Runs seeds of the simulation and says what came of them; see `scripts/sim`.

use clap::Parser;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use wattle_tests::sim::{Failure, Outcome, Plan, run};

/// Deterministic simulation of the real driver, with faults and an oracle.
#[derive(Parser)]
struct Args {
    /// Number of seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// First seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One seed only.
    #[arg(long)]
    seed: Option<u64>,
    /// Validators, instead of what the seed says.
    #[arg(long)]
    nodes: Option<usize>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Prints every event.
    #[arg(long, short)]
    verbose: bool,
    /// Prints a line for each seed.
    #[arg(long)]
    each: bool,
}

/// Sums over seeds.
#[derive(Default)]
struct Totals {
    seeds: u64,
    sim_ms: u64,
    events: u64,
    blocks: u64,
    txs: u64,
    crashes: u64,
    evidence: u64,
    forks: u64,
    failures: Vec<Failure>,
}

impl Totals {
    fn add(&mut self, result: Result<Outcome, Failure>) {
        self.seeds += 1;
        match result {
            Ok(outcome) => {
                self.sim_ms += outcome.sim_ms;
                self.events += outcome.events;
                self.blocks += outcome.blocks;
                self.txs += outcome.txs;
                self.crashes += outcome.crashes;
                self.evidence += outcome.evidence;
            }
            Err(failure) => {
                self.forks += u64::from(failure.what.starts_with("FORK"));
                self.failures.push(failure);
            }
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (first, count) = args.seed.map_or((args.from, args.seeds), |seed| (seed, 1));
    let begun = Instant::now();
    let (next, stop) = (AtomicU64::new(first), AtomicBool::new(false));
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(count) {
                        return;
                    }
                    let plan = Plan { verbose: args.verbose, ..Plan::of_seed(seed, args.nodes) };
                    let result = run(plan);
                    report(&args, &plan, &result);
                    stop.fetch_or(result.is_err(), Ordering::Relaxed);
                    totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(result);
                }
            });
        }
    });
    let t = totals.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!(
        "seeds={} simulated_hours={:.2} events={} blocks={} transactions={} crashes={} accusations={} forks={} failures={} seconds={:.1}",
        t.seeds,
        std::time::Duration::from_millis(t.sim_ms).as_secs_f64() / 3600.0,
        t.events,
        t.blocks,
        t.txs,
        t.crashes,
        t.evidence,
        t.forks,
        t.failures.len(),
        begun.elapsed().as_secs_f64()
    );
    if t.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(args: &Args, plan: &Plan, result: &Result<Outcome, Failure>) {
    match result {
        Ok(o) if args.each || args.seed.is_some() => println!(
            "seed {}: {} validators{}, {} blocks, {} transactions, {} crashes, {} accusations, {} events, {} s, recovered in {} ms, trace {}",
            o.seed,
            o.validators.0,
            if o.validators.1 { " (one lies)" } else { "" },
            o.blocks,
            o.txs,
            o.crashes,
            o.evidence,
            o.events,
            o.sim_ms / 1000,
            o.recovery_ms,
            &o.trace[..16]
        ),
        Ok(_) => {}
        Err(failure) => {
            let nodes = args.nodes.map_or_else(String::new, |n| format!(" --nodes {n}"));
            println!(
                "FAILED {failure}\n  faults {:?}\n  replay: scripts/sim --seed {}{nodes} --verbose",
                plan.faults, failure.seed
            );
        }
    }
}
