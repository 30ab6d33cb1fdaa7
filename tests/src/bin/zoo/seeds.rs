//! Simulated seeds against a fault.

use crate::process::{self, End, Ran};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use wattle_tests::faults::Fault;

/// Seeds run by one process.
const CHUNK: u64 = 50;
/// A process gets this many times as long as without a fault, and never less than the least.
const PATIENCE: (u32, Duration) = (8, Duration::from_secs(120));
/// Longest time for the control run.
const CONTROL: Duration = Duration::from_secs(1200);

/// The simulation.
pub(crate) struct Seeds {
    dir: PathBuf,
    jobs: usize,
    probe: u64,
    seeds: u64,
    limit: Duration,
}

/// The simulation's verdict on a fault.
pub(crate) struct Hunt {
    /// How often it made a difference.
    pub(crate) reached: u64,
    /// Seeds tried, the failed one included.
    pub(crate) tried: u64,
    /// The rule that was broken.
    pub(crate) kill: Option<String>,
}

impl Seeds {
    pub(crate) fn new(dir: &Path, jobs: usize, probe: u64, seeds: u64) -> Self {
        Self { dir: dir.to_path_buf(), jobs, probe: probe.min(seeds), seeds, limit: CONTROL }
    }

    /// The first seeds must pass without a fault; how long they take sets the limit.
    pub(crate) fn control(mut self) -> Result<Self, String> {
        let count = CHUNK.min(self.seeds);
        if count == 0 {
            return Ok(self);
        }
        let ran = self.run(None, 0, count)?;
        if !ran.passed() {
            return Err(format!("control: the simulation fails without a fault: {}", broken(&ran)));
        }
        eprintln!("  simulation, {count} seeds {:21.1} s", ran.time.as_secs_f64());
        self.limit = (ran.time * PATIENCE.0).max(PATIENCE.1);
        Ok(self)
    }

    /// Runs seeds until one breaks a rule. A fault that the first ones do not reach is left to the tests.
    pub(crate) fn hunt(&self, fault: &Fault) -> Result<Hunt, String> {
        let (mut tried, mut reached) = (0, 0);
        while tried < self.seeds && (tried < self.probe || reached > 0) {
            let end = if tried < self.probe { self.probe } else { self.seeds };
            let count = CHUNK.min(end - tried);
            let ran = self.run(Some(fault.name), tried, count)?;
            reached += ran.reached;
            tried += count;
            if !ran.passed() {
                return Ok(Hunt { reached, tried, kill: Some(broken(&ran)) });
            }
        }
        Ok(Hunt { reached, tried, kill: None })
    }

    fn run(&self, fault: Option<&str>, from: u64, count: u64) -> Result<Ran, String> {
        let mut command = Command::new(self.dir.join("bin/sim"));
        let numbers = [("--from", from), ("--seeds", count), ("--jobs", self.jobs as u64)];
        for (name, number) in numbers {
            command.arg(name).arg(number.to_string());
        }
        let log = self.dir.join(format!("logs/{}/sim.log", fault.unwrap_or("control")));
        process::run(command, fault, &log, self.limit)
    }
}

/// The words of a failed process, in one line.
fn broken(ran: &Ran) -> String {
    if ran.end == End::Hung {
        return "hung".to_owned();
    }
    let failed = ran.stdout.lines().find_map(|line| line.strip_prefix("FAILED "));
    failed.map(str::to_owned).or_else(|| ran.panic()).unwrap_or_else(|| format!("{:?}", ran.end))
}
