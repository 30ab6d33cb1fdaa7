//! `wattle bench`: finalized transfers a second end to end, and how long one takes from submit to finalized.
//!
//! Starts a fresh devnet in this process (real libp2p, real database, real fsync) for each rate and sends it transfers
//! that were signed before the clock starts to the first validator, at a fixed rate or as fast as it takes them.

mod figures;
mod load;

use clap::Args;
use serde_json::json;
use wattle_cli::output::note;
use wattle_cli::{CliError, CliResult, Ctx, Report};

/// Options of `wattle bench`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  wattle bench --rate 1000 --seconds 20\n  wattle bench --rate 100,1000,3000,0\n  \
                  wattle bench --rate 20 --unpaced"
)]
pub struct BenchArgs {
    /// Transfers a second; 0 sends as fast as they are taken. Several, with commas, are measured one after the other.
    #[arg(long, default_value = "1000", value_delimiter = ',')]
    pub rate: Vec<u64>,
    /// For how long, each rate.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Number of validators.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub validators: u16,
    /// No pause between blocks: the next is proposed as soon as the last is certified.
    #[arg(long)]
    pub unpaced: bool,
    /// Most transfers signed beforehand.
    #[arg(long, default_value_t = 400_000)]
    pub max: usize,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Transfers a second; 0 is as fast as they are taken.
    rate: u64,
    seconds: u64,
    validators: u16,
    unpaced: bool,
    max: usize,
}

/// Runs the measurements.
///
/// # Errors
/// When a devnet does not come up, or its transfers do not become final in time.
pub(super) async fn run(args: BenchArgs, ctx: &Ctx) -> CliResult {
    let dir = std::env::temp_dir().join(format!("wattle-bench-{}", std::process::id()));
    let mut measured = Vec::new();
    for rate in &args.rate {
        let (rate, seconds, max) = (*rate, args.seconds, args.max);
        let run = Run { rate, seconds, max, validators: args.validators, unpaced: args.unpaced };
        let result = load::measure(run, &dir).await;
        let _ = std::fs::remove_dir_all(&dir); // best effort: it is in the system's temporary directory
        let figures = result?;
        if !ctx.json {
            note(&format!("{}\n{}", figures::HEADINGS, figures.to_row()));
        }
        measured.push(figures);
    }
    let limit = tokio::task::block_in_place(|| figures::signature_limit(args.validators));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let rows: Vec<String> = measured.iter().map(figures::Figures::to_row).collect();
    let text = format!(
        "{} validators in one process on {cores} cores; each could verify {limit:.0} signatures a second\n{}\n{}",
        args.validators,
        figures::HEADINGS,
        rows.join("\n")
    );
    let runs: Vec<_> = measured.iter().map(figures::Figures::to_json).collect();
    Ok(Report::new(json!({ "cores": cores, "signatureLimitPerSecond": limit, "runs": runs }), text))
}

fn other(message: &str) -> CliError {
    CliError::Other { code: "bench", message: message.to_owned(), hint: None }
}
