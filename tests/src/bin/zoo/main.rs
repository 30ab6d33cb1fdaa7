//! Runs the tests and the simulation against every planted fault and says which of them notice; see `scripts/zoo`.
//!
//! ```text
//! main.rs        what is run, in which order       suites.rs   test programs, and which of their tests fail
//! process.rs     one program, with a time limit    seeds.rs    simulated seeds
//! report.rs      the table, the rate, survivors
//! ```
//!
//! A fault is killed when a test fails, crashes or hangs with it that passes without it, or a simulated seed breaks a
//! rule. One that changed nothing anywhere was *not reached*, which says more about the tests than about the fault.

mod process;
mod report;
mod seeds;
mod suites;

use clap::Parser;
use report::{Row, Verdict};
use seeds::Seeds;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use suites::Suites;
use wattle_primitives::planted;
use wattle_tests::faults::{self, Fault};

/// Planted faults against the tests and the simulation.
#[derive(Parser)]
struct Args {
    /// Lists the faults and ends.
    #[arg(long)]
    list: bool,
    /// Only these faults, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Most seeds for each fault.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Seeds after which a fault that was not reached is left alone.
    #[arg(long, default_value_t = 40)]
    probe: u64,
    /// Threads of the simulation.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Runs the end-to-end tests as well: slow.
    #[arg(long)]
    e2e: bool,
    /// Where the programs with faults are, and where to write: `scripts/zoo` fills it.
    #[arg(long, env = "WATTLE_ZOO_DIR", default_value = "target/zoo")]
    dir: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        for Fault { name, file, breaks } in faults::all() {
            println!("{name:34} {file}\n    {breaks}");
        }
        return ExitCode::SUCCESS;
    }
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("zoo: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every survivor is explained.
fn run(args: &Args) -> Result<bool, String> {
    if !planted::ENABLED {
        return Err("built without the faults: run scripts/zoo".to_owned());
    }
    let faults = chosen(&args.only)?;
    let begun = Instant::now();
    let mut suites = Suites::find(&args.dir, args.e2e)?;
    let seeds = Seeds::new(&args.dir, args.jobs, args.probe, args.seeds);
    eprintln!("control: everything without a fault");
    suites.control()?;
    let seeds = seeds.control()?;
    eprintln!("control passed in {:.0} s", begun.elapsed().as_secs_f64());
    let mut rows = Vec::with_capacity(faults.len());
    for fault in faults {
        let begun = Instant::now();
        let (suite, seeds) = (suites.hunt(&fault)?, seeds.hunt(&fault)?);
        let row = Row { fault, suite, seeds, seconds: begun.elapsed().as_secs_f64() };
        println!("{}", row.line());
        rows.push(row);
    }
    let report = report::render(&rows, args.seeds, begun.elapsed().as_secs_f64());
    print!("\n{report}");
    let path = args.dir.join("report.md");
    std::fs::write(&path, &report).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(rows.iter().all(|row| row.verdict() != Verdict::Survived))
}

fn chosen(only: &[String]) -> Result<Vec<Fault>, String> {
    if only.is_empty() {
        return Ok(faults::all().collect());
    }
    let find = |name: &String| faults::all().find(|fault| fault.name == name);
    only.iter().map(|name| find(name).ok_or(format!("no fault is named {name}: see --list"))).collect()
}
