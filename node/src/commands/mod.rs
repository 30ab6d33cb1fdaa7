//! The command line of `wattle`: everything that the crate `cli` has, and the commands that run nodes.

mod bench;
mod completions;
mod config;
mod devnet;
mod doctor;
mod init;
mod light;
mod run;

use crate::logs::LogFormat;
use clap::{Args, Parser, Subcommand};
use wattle_cli::{CliError, CliResult, Ctx, GlobalArgs};

const EXAMPLES: &str = "Examples:
  wattle keys new alice
  wattle wallet balance alice
  wattle wallet send --from alice --to wat1… --amount 1.5
  wattle query status --json
  wattle completions bash > ~/.local/share/bash-completion/completions/wattle";

/// Log filter without `--log`. The gossip library warns when two validators publish the same finalized header, which
/// they all do on purpose.
const LOG_DEFAULT: &str = "warn,libp2p_gossipsub=error";

/// Wattle: a peer-to-peer validator node for microgrids, and its wallet.
#[derive(Debug, Parser)]
#[command(name = "wattle", version, propagate_version = true, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Options of the log.
    #[command(flatten)]
    pub log: LogArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of the log, which every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct LogArgs {
    /// Least severity that is logged: error, warn, info, debug, trace, or a filter such as wattle_node=debug.
    #[arg(long, global = true, env = "WATTLE_LOG", value_name = "FILTER", default_value = LOG_DEFAULT)]
    pub log: String,
    /// Form of the log, on standard error.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// Every command.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one of them is made once in a process's life")]
pub enum Command {
    /// Wallets and questions.
    #[command(flatten)]
    Cli(wattle_cli::Command),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
    /// Run nodes.
    #[command(flatten)]
    Node(NodeCommand),
}

/// Commands that run nodes.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Start a whole microgrid on this machine: validators, meters, light nodes, funded wallets.
    Devnet(devnet::DevnetArgs),
    /// Write the directory of one node, or of a whole network.
    Init(init::InitArgs),
    /// Run the node of a directory until it is told to stop.
    Run(run::RunArgs),
    /// Light nodes: run one, probe a line, make keys, look at its state, order its relay about.
    Light(light::LightArgs),
    /// Measure finalized transfers a second, and how long they take.
    Bench(bench::BenchArgs),
    /// Show what a node's config.toml sets, and every default.
    Config(config::ConfigArgs),
    /// Execute a stopped node's chain again from genesis and compare every root.
    Doctor(doctor::DoctorArgs),
}

/// Runs what was parsed and prints its result. Returns the exit code. Not async, so that all of it is compiled here,
/// once, and not with the program.
pub fn run(cli: Cli) -> u8 {
    let json = cli.global.json;
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return wattle_cli::fail(&CliError::failed("threads", &error), json),
    };
    let result = Ctx::new(cli.global).and_then(|ctx| runtime.block_on(dispatch(cli.command, &ctx)));
    // Before the threads are waited for: one of them may hang at a disk or a name.
    wattle_cli::finish(result, json)
}

async fn dispatch(command: Command, ctx: &Ctx) -> CliResult {
    let command = match command {
        Command::Cli(command) => return wattle_cli::dispatch(command, ctx).await,
        Command::Completions(args) => return completions::run(&args),
        Command::Node(command) => command,
    };
    match command {
        NodeCommand::Devnet(args) => devnet::run(args, ctx).await,
        NodeCommand::Init(args) => init::run(args, ctx),
        NodeCommand::Run(args) => run::run(args, ctx).await,
        NodeCommand::Light(args) => light::run(args, ctx).await,
        NodeCommand::Bench(args) => bench::run(args, ctx).await,
        NodeCommand::Config(args) => config::run(args, ctx),
        NodeCommand::Doctor(args) => doctor::run(args, ctx),
    }
}

/// Completes at Ctrl-C or SIGTERM, or with `stdin` also at the end of standard input.
///
/// Listens from the call on, not from the first poll: a signal that comes in between must not end the process.
///
/// # Errors
/// When the system lets nobody listen.
fn stop_signal(stdin: bool) -> Result<impl Future<Output = ()> + Send + 'static, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|e| CliError::failed("signals", &e));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (gone, mut parent) = tokio::sync::oneshot::channel();
    if stdin {
        wattle_host::process::on_stdin_end(move || {
            let _ = gone.send(()); // nobody waits any more
        });
    }
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Ok(()) = &mut parent => {}
        }
    })
}

#[cfg(test)]
mod tests;
