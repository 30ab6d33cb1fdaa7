//! `wattle devnet`: a whole microgrid on one machine.
//!
//! Validators over real libp2p on loopback, meters as real Modbus TCP servers, a light node for each. In one process,
//! or with `--processes` each validator and light node in its own. What it lays out is what `wattle init testnet` does.

mod banner;
mod existing;
mod link;
mod meters;
mod scenario;
mod validators;

use super::stop_signal;
use crate::testnet::{DEVNET_CHAIN_ID, Layout, NODES_MAX, Testnet, devnet_terms};
use banner::StatusLine;
use clap::Args;
use meters::Meters;
use scenario::Scenario;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use validators::Validators;
use wattle_chain_spec::Preset;
use wattle_cli::client::Client;
use wattle_cli::output::note;
use wattle_cli::{CliError, CliResult, Ctx, Report};
use wattle_host::wall::{self, Pace, SPEED_MAX};
use wattle_primitives::{Epoch, Height};

/// How long the first final block may take before the start counts as failed.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest wait for one answer in a scenario.
const SCENARIO_RPC_TIMEOUT: Duration = Duration::from_secs(10);
/// The meter whose light node loses its link in a scenario.
const CUT_OFF: usize = 4;

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
    /// Let the chain's clock run so many times as fast as the system's, from half past five in the morning on.
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=i64::from(SPEED_MAX)))]
    pub speed: Option<u32>,
    /// Tell a story: houses that trade, a cloud, a validator killed and back, a light node offline for a day. It takes
    /// at least 4 validators and 5 meters, and a speed from 60 to 1200.
    #[arg(long, value_name = "STORY")]
    pub scenario: Option<Scenario>,
    /// End after the scenario; whether all held at its end is the exit code.
    #[arg(long, requires = "scenario")]
    pub exit_after_scenario: bool,
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
    let mut stop = tokio::spawn(stop_signal(false)?);
    let place = match &args.dir {
        Some(dir) => Place::Kept(dir.clone()),
        None => Place::Temporary(std::env::temp_dir().join(format!("wattle-devnet-{}", std::process::id()))),
    };
    scenario::check_options(&args)?;
    let clock = clock(&args)?;
    let net = lay_out(&args, place.path())?;
    let addresses = net
        .connect(0, free_ports(args.rpc_port, net.homes.len())?)
        .map_err(|e| CliError::failed("layout", &e))?;
    // A story in which one is killed needs processes.
    let processes = args.processes || args.scenario.is_some();
    let mut validators = Validators::start(&net, processes, clock).await?;
    let height = tokio::select! {
        height = validators.first_final_block(READY_TIMEOUT) => height?,
        _ = &mut stop => {
            validators.stop().await;
            return Ok(Report::Printed);
        }
    };
    let ready = begun.elapsed();
    let cut = match args.scenario {
        Some(_) => Some((CUT_OFF, link::Link::plug_in(&addresses).await?)),
        None => None,
    };
    let pace = if clock.is_some() { scenario::reading() } else { meters::Pace::default() };
    // Light nodes of a fast devnet share this process's clock.
    let apart = args.processes && clock.is_none();
    let meters =
        Meters::start(&net, &addresses, cut.as_slice(), &pace, args.seed.unwrap_or(0), apart).await?;
    banner::ready(&net, &validators, &meters, ready, height, ctx.json);
    let told = match &cut {
        Some(link) => tell(&net, &mut validators, &meters, link, &mut stop, ctx).await,
        None => Ok(()),
    };
    let mut status = StatusLine::new(ctx.json);
    let result = match told {
        Ok(()) if !args.exit_after_scenario => watch(&args, &mut validators, &mut status, &mut stop).await,
        told => told,
    };
    status.update(&validators.progress().await);
    status.finish();
    meters.stop().await;
    validators.stop().await;
    let result = match result {
        Ok(()) if args.exit_after_scenario => scenario::verify_chains(&net, ctx),
        result => result,
    };
    let summary = json!({ "event": "stopped", "height": status.height, "transactions": status.transactions.to_string() });
    if ctx.json {
        println!("{summary}");
    } else {
        note(&format!("stopped at height {}", status.height));
    }
    drop(place);
    result.map(|()| Report::Printed)
}

/// Starts the fast clock that was asked for.
fn clock(args: &DevnetArgs) -> Result<Option<Pace>, CliError> {
    if args.scenario.is_none() && args.speed.is_none() {
        return Ok(None);
    }
    if args.dir.as_deref().is_some_and(|dir| dir.join("genesis.toml").exists()) {
        let detail = "a fast clock begins with a new chain: name an empty directory".to_owned();
        return Err(CliError::Usage { detail });
    }
    let pace = scenario::clock(args.speed);
    wall::set(pace);
    Ok(Some(pace))
}

/// Tells the story, unless somebody ends it before.
async fn tell(
    net: &Testnet,
    validators: &mut Validators,
    meters: &Meters,
    link: &(usize, link::Link),
    stop: &mut JoinHandle<()>,
    ctx: &Ctx,
) -> Result<(), CliError> {
    let rpc = validators.members.first().map(|member| member.rpc.clone()).unwrap_or_default();
    let client = Client::new(&rpc, SCENARIO_RPC_TIMEOUT)?;
    let stage = scenario::Stage { net, validators, meters, link, client, dead: None, json: ctx.json };
    tokio::select! {
        told = scenario::play(stage) => told,
        _ = stop => Err(CliError::Other { code: "stopped", message: "stopped before the end".into(), hint: None }),
    }
}

fn lay_out(args: &DevnetArgs, dir: &Path) -> Result<Testnet, CliError> {
    if dir.join("genesis.toml").exists() {
        let net = Testnet::open(dir).map_err(|e| CliError::failed("layout", &e))?;
        existing::check(args, &net)?;
        note("the chain in this directory goes on, with its own validators, meters and parameters");
        return Ok(net);
    }
    let layout = Layout {
        preset: Preset::Devnet,
        chain_id: DEVNET_CHAIN_ID.into(),
        validators: args.validators.unwrap_or(VALIDATORS),
        meters: args.meters.unwrap_or(METERS).saturating_add(u16::from(args.scenario.is_some())),
        seed: Some(args.seed.unwrap_or(0)),
        time_ms: wall::now(),
        set_change: args.set_change.map(Epoch),
        epoch_length: args.epoch_length,
        block_interval_ms: args.block_interval_ms,
        idle_interval_ms: (args.speed.is_some() || args.scenario.is_some())
            .then_some(scenario::IDLE_INTERVAL_MS),
        terms: Some(devnet_terms()),
        feeder: args.scenario.is_some(),
        accounts: Vec::new(),
    };
    layout.create(dir).map_err(|e| CliError::failed("layout", &e))
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

/// Figures of the status line.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    height: Height,
    transactions: u64,
    readings: u64,
    peers: u64,
}
