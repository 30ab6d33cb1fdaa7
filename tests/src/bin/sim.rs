//! Runs seeds of the simulation and says what came of them; see `scripts/sim`.

use clap::Parser;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use wattle_tests::sim::{Failure, Mark, Outcome, Plan, Summary, run};

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
    /// Failures after which it ends.
    #[arg(long, default_value_t = 10)]
    failures_max: u64,
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
    forks: u64,
    failures: u64,
    recovery_views: Vec<usize>,
    coverage: Summary,
}

impl Totals {
    fn add(&mut self, result: &Result<Outcome, Failure>) {
        self.seeds += 1;
        match result {
            Ok(outcome) => {
                self.sim_ms += outcome.sim_ms;
                self.events += outcome.events;
                self.blocks += outcome.blocks;
                self.txs += outcome.txs;
                self.recovery_views.push(outcome.recovery_views);
                self.coverage.add(&outcome.coverage);
            }
            Err(failure) => {
                self.forks += u64::from(failure.what.starts_with("FORK"));
                self.failures += 1;
            }
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (first, count) = args.seed.map_or((args.from, args.seeds), |seed| (seed, 1));
    let begun = Instant::now();
    let (next, failures) = (AtomicU64::new(first), AtomicU64::new(0));
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                while failures.load(Ordering::Relaxed) < args.failures_max {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(count) {
                        return;
                    }
                    let plan = Plan { verbose: args.verbose, ..Plan::of_seed(seed, args.nodes) };
                    let result = run(plan);
                    report(&args, &result);
                    failures.fetch_add(u64::from(result.is_err()), Ordering::Relaxed);
                    totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(&result);
                }
            });
        }
    });
    let t = totals.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if args.seed.is_none() {
        print!("{}", t.coverage);
    }
    let mut views = t.recovery_views;
    views.sort_unstable();
    println!(
        "views of honest leaders until the first block after healing: median {}, 99 % {}, most {}",
        views.get(views.len() / 2).unwrap_or(&0),
        views.get(views.len() * 99 / 100).unwrap_or(&0),
        views.last().unwrap_or(&0)
    );
    println!(
        "seeds={} simulated_hours={:.2} events={} blocks={} transactions={} forks={} failures={} seconds={:.1}",
        t.seeds,
        std::time::Duration::from_millis(t.sim_ms).as_secs_f64() / 3600.0,
        t.events,
        t.blocks,
        t.txs,
        t.forks,
        t.failures,
        begun.elapsed().as_secs_f64()
    );
    if t.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(args: &Args, result: &Result<Outcome, Failure>) {
    match result {
        Ok(o) if args.each || args.seed.is_some() => println!(
            "seed {}: {} validators, {} blocks, {} transactions, {} crashes, {} events, {} s, recovered in {} ms and {} views, trace {}",
            o.seed,
            o.validators,
            o.blocks,
            o.txs,
            o.coverage.count(Mark::Crash),
            o.events,
            o.sim_ms / 1000,
            o.recovery_ms,
            o.recovery_views,
            &o.trace[..16]
        ),
        Ok(_) => {}
        Err(failure) => {
            let nodes = args.nodes.map_or_else(String::new, |n| format!(" --nodes {n}"));
            println!("FAILED {failure}\n  replay: scripts/sim --seed {}{nodes} --verbose", failure.seed);
        }
    }
}
