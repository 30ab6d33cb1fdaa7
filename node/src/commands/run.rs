//! `wattle run`.

use super::stop_signal;
use crate::home::{Home, HomeError};
use crate::launch::{LaunchError, Options, Running, launch};
use crate::run::NodeError;
use crate::testnet::DEVNET_CHAIN_ID;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use wattle_cli::output::note;
use wattle_cli::{CliError, CliResult, Ctx, Report};
use wattle_host::key::KeyError;
use wattle_host::lock::LockError;
use wattle_host::wall::{self, Pace};

/// Exit code after a safety halt: a service manager must not restart the node unseen.
pub(super) const EXIT_HALT: i32 = 70;

/// Exit code when the disk is full: to be started again once there is room, and not before.
pub(super) const EXIT_DISK_FULL: i32 = 75;

/// Options of `wattle run`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  wattle run --home ~/village/v0\n  wattle run --home /var/lib/wattle --log info --log-format json"
)]
pub struct RunArgs {
    /// The node's directory, as `wattle init` writes it.
    #[arg(long, env = "WATTLE_HOME", value_name = "DIR")]
    pub home: PathBuf,
    /// Also stop when standard input ends: for a program that starts nodes and may be killed.
    #[arg(long)]
    pub stop_with_stdin: bool,
    /// Let the clock run faster: from what time of the system's on, in ms, what it said then, and how many times as
    /// fast. Only on a devnet, all of whose nodes must be started alike.
    #[arg(long, value_name = "BASE_MS,START_MS,SPEED", hide = true)]
    pub clock: Option<Pace>,
}

/// Runs a node until it is told to stop.
///
/// # Errors
/// When it cannot start, or had to stop.
pub(super) async fn run(args: RunArgs, ctx: &Ctx) -> CliResult {
    // From the start on: who waits for the node to be ready may stop it right then.
    let mut stop = tokio::spawn(stop_signal(args.stop_with_stdin)?);
    let home = Home::new(&args.home);
    if let Some(pace) = args.clock {
        let spec = home.spec().map_err(|e| CliError::failed("node_directory", &e))?;
        quicken(pace, &spec.genesis.chain_id)?;
    }
    let mut running = match launch(&home, Options::default()).await {
        Ok(running) => running,
        Err(LaunchError::Node(error)) if error.is_disk_full() => disk_full(&error),
        Err(LaunchError::Node(error)) if error.is_log_corrupt() => return Err(log_corrupt(&error, &home)),
        Err(error) => return Err(CliError::failed(code(&error), &error)),
    };
    announce(&running, ctx.json);
    let ended = tokio::select! {
        ended = running.node.ended() => ended,
        _ = &mut stop => {
            running.node.stop();
            running.node.ended().await
        }
    };
    running.close().await;
    match ended {
        Ok(()) => Ok(Report::Printed),
        Err(error @ NodeError::Halt(_)) => {
            note(&format!("error: {}", CliError::failed("halt", &error)));
            std::process::exit(EXIT_HALT);
        }
        Err(error) if error.is_disk_full() => disk_full(&error),
        Err(error) => Err(CliError::failed("node", &error)),
    }
}

/// Lets this process's clock run faster, if the chain is a devnet's.
///
/// # Errors
/// `clock` on any other chain: its validators would disagree about the time.
pub(super) fn quicken(pace: Pace, chain_id: &str) -> Result<(), CliError> {
    if chain_id != DEVNET_CHAIN_ID {
        return Err(CliError::Other {
            code: "clock",
            message: format!("the clock of chain {chain_id:?} cannot be set: only a devnet's can"),
            hint: None,
        });
    }
    wall::set(pace);
    Ok(())
}

fn disk_full(error: &NodeError) -> ! {
    note(&format!("error: {}", CliError::failed("disk_full", error)));
    note("the disk is full: make room and start the node again; nothing that was final is lost");
    std::process::exit(EXIT_DISK_FULL);
}

fn log_corrupt(error: &NodeError, home: &Home) -> CliError {
    CliError::Other {
        code: "log_corrupt",
        message: wattle_host::causes(error),
        hint: Some(format!("wattle doctor --home {} --cure-log", home.path().display())),
    }
}

fn announce(running: &Running, json: bool) {
    let view = running.node.shared.view();
    if json {
        let event = json!({
            "event": "ready",
            "name": running.name,
            "rpc": running.rpc.url(),
            "explorer": running.rpc.explorer_url(),
            "admin": running.admin.path(),
            "peerId": running.node.network.peer_id().to_string(),
            "height": view.header.height,
            "genesisHash": running.node.shared.chain,
        });
        println!("{event}");
    } else {
        note(&format!(
            "{} runs on chain {} at height {}; JSON-RPC at {}, explorer at {}",
            running.name,
            running.node.shared.chain.short(),
            view.header.height,
            running.rpc.url(),
            running.rpc.explorer_url()
        ));
    }
}

/// The stable code of a failed launch.
pub(super) fn code(error: &LaunchError) -> &'static str {
    match error {
        LaunchError::Home(HomeError::LooseMode { .. }) => "file_mode",
        LaunchError::Home(HomeError::Key(KeyError::Mode { .. })) => "file_mode",
        LaunchError::Lock(LockError::Key(KeyError::Mode { .. })) => "file_mode",
        LaunchError::Home(_) | LaunchError::Lock(LockError::Key(_)) => "node_directory",
        LaunchError::Lock(LockError::DirInUse { .. }) => "home_in_use",
        LaunchError::Lock(LockError::KeyInUse { .. }) => "validator_key_in_use",
        LaunchError::Lock(LockError::File(_)) => "lock",
        LaunchError::Node(error) if error.is_signer_in_use() => "validator_key_in_use",
        LaunchError::Node(_) => "node",
        LaunchError::Rpc(_) => "rpc",
        LaunchError::NodeKey(_) => "node_key",
        LaunchError::Metrics(_) => "metrics",
    }
}
