//! `wattle light`: the light node from the main binary; `wattle-light` is the slim one for small machines.

use super::stop_signal;
use clap::Args;
use wattle_cli::{CliError, CliResult, Ctx, Report};
use wattle_meter::cli::{self, LightCommand};

/// Options of `wattle light`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  wattle light run --config /etc/wattle/light.toml\n  wattle light probe --tcp 192.168.1.50:502"
)]
pub struct LightArgs {
    /// One of the commands of `wattle-light`.
    #[command(subcommand)]
    pub command: LightCommand,
}

/// Does what `wattle-light` does with the same words.
///
/// # Errors
/// When a light node cannot start, its disk fails, or an order cannot be given.
pub(super) async fn run(args: LightArgs, ctx: &Ctx) -> CliResult {
    let done = match &args.command {
        LightCommand::Run(run) => {
            cli::run(&args.command, ctx.json, Box::pin(stop_signal(run.stop_with_stdin)?)).await
        }
        command => cli::run(command, ctx.json, Box::pin(std::future::pending())).await, // Ctrl-C ends it at once
    };
    done.map_err(|e| CliError::failed(e.code(), &e))?;
    Ok(Report::Printed)
}
