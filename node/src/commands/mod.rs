//! Commands that run nodes: `devnet`, `init`, `run`, `light`, `bench`, `doctor`.

mod bench;
mod devnet;
mod doctor;
mod init;
mod light;
mod run;

pub use bench::BenchArgs;
pub use devnet::DevnetArgs;
pub use doctor::DoctorArgs;
pub use init::InitArgs;
pub use light::LightArgs;
pub use run::RunArgs;

use crate::cli::{CliError, CliResult, Ctx};
use clap::Subcommand;

/// Commands that run nodes.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Start a whole microgrid on this machine: validators, meters, light nodes, funded wallets.
    Devnet(DevnetArgs),
    /// Write the directory of one node, or of a whole network.
    Init(InitArgs),
    /// Run the node of a directory until it is told to stop.
    Run(RunArgs),
    /// Light nodes: run one, probe a line, make keys, look at its state, order its relay about.
    Light(LightArgs),
    /// Measure finalized transfers a second, and how long they take.
    Bench(BenchArgs),
    /// Execute a stopped node's chain again from genesis and compare every root.
    Doctor(DoctorArgs),
}

/// Runs one of them.
///
/// # Errors
/// [`CliError`] of the command.
pub async fn dispatch(command: NodeCommand, ctx: &Ctx) -> CliResult {
    match command {
        NodeCommand::Devnet(args) => devnet::run(args, ctx).await,
        NodeCommand::Init(args) => init::run(args, ctx),
        NodeCommand::Run(args) => run::run(args, ctx).await,
        NodeCommand::Light(args) => light::run(args, ctx).await,
        NodeCommand::Bench(args) => bench::run(args, ctx).await,
        NodeCommand::Doctor(args) => doctor::run(args, ctx),
    }
}

/// A failure with all its causes in one line.
fn failed(code: &'static str, error: &dyn std::error::Error) -> CliError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    CliError::Other { code, message, hint: None }
}

/// Completes at Ctrl-C or SIGTERM, or with `stdin` also at the end of standard input.
///
/// Listens from the call on, not from the first poll: a signal that comes in between must not end the process.
///
/// # Errors
/// When the system lets nobody listen.
fn stop_signal(stdin: bool) -> Result<impl Future<Output = ()> + Send + 'static, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|e| failed("signals", &e));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = wattle_meter::stdin_closed(), if stdin => {}
        }
    })
}
