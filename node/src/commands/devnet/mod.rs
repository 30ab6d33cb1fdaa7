//! `wattle devnet`: a whole microgrid on one machine.
//!
//! Validators over real libp2p on loopback, meters as real Modbus TCP servers, a light node for each. In one process,
//! or with `--processes` each validator and light node in its own. What it lays out is what `wattle init testnet` does.

mod banner;
mod existing;
mod meters;
mod validators;

use super::{failed, stop_signal};
use crate::cli::output::note;
use crate::cli::{CliError, CliResult, Ctx, Report};
use crate::run::unix_ms;
use crate::testnet::{Layout, NODES_MAX, Testnet};
use banner::StatusLine;
use clap::Args;
use meters::Meters;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use validators::Validators;
use wattle_chain_spec::Preset;
use wattle_primitives::{Epoch, Height};

/// How long the first final block may take before the start counts as failed.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// Validators of a new devnet.
const VALIDATORS: u16 = 4;
/// Meters of a new devnet.
const METERS: u16 = 6;

/// Options of `wattle devnet`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  wattle devnet\n  wattle devnet --dir ./village            (start again: the chain goes on)\n  wattle devnet --validators 7 --processes --json"
)]
pub struct DevnetArgs {
    /// Number of validators [default: 4, or those of the existing chain].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(NODES_MAX)))]
    pub validators: Option<u16>,
    /// Number of meters, each with its light node [default: 6, or those of the existing chain].
    #[arg(long, value_parser = clap::value_parser!(u16).range(0..=i64::from(NODES_MAX)))]
    pub meters: Option<u16>,
    /// All keys, loads and weather follow from this number [default: 0, or that of the existing chain].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Keep everything here; an existing chain goes on. A temporary directory otherwise.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Run every validator and light node in a process of its own.
    #[arg(long)]
    pub processes: bool,
    /// Wanted JSON-RPC port of the first validator, the others follow; the next free ones are taken when one is busy.
    #[arg(long, default_value_t = wattle_rpc::server::DEFAULT_PORT)]
    pub rpc_port: u16,
    /// Stop after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub exit_after: Option<u64>,
    /// Double the last validator's power from this epoch on.
    #[arg(long, value_name = "EPOCH")]
    pub set_change: Option<u64>,
    /// Heights in an epoch, instead of the preset's.
    #[arg(long, value_name = "HEIGHTS")]
    pub epoch_length: Option<u64>,
    /// Shortest time between two blocks in milliseconds, instead of the preset's.
    #[arg(long, value_name = "MS")]
    pub block_interval_ms: Option<u64>,
}

/// Where the devnet lives; a temporary directory goes with it.
enum Place {
    Kept(PathBuf),
    Temporary(PathBuf),
}

impl Place {
    fn path(&self) -> &Path {
        let (Self::Kept(path) | Self::Temporary(path)) = self;
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self {
            let _ = std::fs::remove_dir_all(path); // best effort: it is in the system's temporary directory
        }
    }
}

/// Runs a devnet until it is told to stop.
///
/// # Errors
/// When it cannot be laid out or started, or when a validator stops.
pub(super) async fn run(args: DevnetArgs, ctx: &Ctx) -> CliResult {
    let begun = Instant::now();
    // From the start on, so that nobody who ends it early leaves anything behind.
    let mut stop = tokio::spawn(stop_signal(false));
    let place = match &args.dir {
        Some(dir) => Place::Kept(dir.clone()),
        None => Place::Temporary(std::env::temp_dir().join(format!("wattle-devnet-{}", std::process::id()))),
    };
    let net = lay_out(&args, place.path())?;
    let addresses =
        net.connect(0, free_ports(args.rpc_port, net.homes.len())?).map_err(|e| failed("layout", &e))?;
    let mut validators = Validators::start(&net, args.processes).await?;
    let height = tokio::select! {
        height = validators.first_final_block(READY_TIMEOUT) => height?,
        _ = &mut stop => {
            validators.stop().await;
            return Ok(Report::Printed);
        }
    };
    let ready = begun.elapsed();
    let meters = Meters::start(&net, &addresses, args.seed.unwrap_or(0), args.processes).await?;
    banner::ready(&net, &validators, &meters, ready, height, ctx.json);
    let mut status = StatusLine::new(ctx.json);
    let result = watch(&args, &mut validators, &mut status, &mut stop).await;
    status.finish();
    meters.stop().await;
    validators.stop().await;
    let summary = json!({ "event": "stopped", "height": status.height, "transactions": status.transactions.to_string() });
    if ctx.json {
        println!("{summary}");
    } else {
        note(&format!("stopped at height {}", status.height));
    }
    drop(place);
    result.map(|()| Report::Printed)
}

fn lay_out(args: &DevnetArgs, dir: &Path) -> Result<Testnet, CliError> {
    if dir.join("genesis.toml").exists() {
        let net = Testnet::open(dir).map_err(|e| failed("layout", &e))?;
        existing::check(args, &net)?;
        note("the chain in this directory goes on, with its own validators, meters and parameters");
        return Ok(net);
    }
    let layout = Layout {
        preset: Preset::Devnet,
        chain_id: "wattle-devnet".into(),
        validators: args.validators.unwrap_or(VALIDATORS),
        meters: args.meters.unwrap_or(METERS),
        seed: Some(args.seed.unwrap_or(0)),
        time_ms: unix_ms(),
        set_change: args.set_change.map(Epoch),
        epoch_length: args.epoch_length,
        block_interval_ms: args.block_interval_ms,
        accounts: Vec::new(),
    };
    layout.create(dir).map_err(|e| failed("layout", &e))
}

/// The first of `count` ports in a row, from `wanted` on, that are all free on loopback: each validator has its own.
fn free_ports(wanted: u16, count: usize) -> Result<u16, CliError> {
    if wanted == 0 {
        return Ok(0);
    }
    let free = |port: u16| std::net::TcpListener::bind(crate::testnet::loopback(port)).is_ok();
    let last = wanted.saturating_add(wattle_rpc::server::FALLBACK_PORTS);
    (wanted..=last).find(|first| (*first..=u16::MAX).take(count).all(free)).ok_or_else(|| CliError::Other {
        code: "port_busy",
        message: format!("no {count} free ports in a row from {wanted} to {last} on"),
        hint: Some("name another one with --rpc-port".into()),
    })
}

/// Shows what happens until somebody ends it.
async fn watch(
    args: &DevnetArgs,
    validators: &mut Validators,
    status: &mut StatusLine,
    stop: &mut JoinHandle<()>,
) -> Result<(), CliError> {
    let end = args.exit_after.map(|s| tokio::time::Instant::now() + Duration::from_secs(s));
    let over = async move {
        match end {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = &mut *stop => return Ok(()),
            () = &mut over => return Ok(()),
            failure = validators.failure() => return Err(failure),
            _ = ticks.tick() => status.update(&validators.progress().await),
        }
    }
}

/// What the status line shows.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    height: Height,
    transactions: u64,
    readings: u64,
    peers: u64,
}
