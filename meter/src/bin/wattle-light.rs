//! `wattle-light`: the light node as a program of its own.

use clap::Parser;
use std::error::Error;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use wattle_host::{causes, process};
use wattle_meter::cli::{self, LightCliError, LightCommand};

/// Reads meters, signs their readings and brings them to a Wattle chain.
#[derive(Parser)]
#[command(name = "wattle-light", version)]
struct Cli {
    /// Write JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: LightCommand,
}

fn main() -> ExitCode {
    process::keep_secrets();
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(cli.json, error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: &Cli) -> Result<(), Box<dyn Error>> {
    // One thread for everything but the disk: a light node has little to do, and threads cost memory.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
    runtime.block_on(async {
        let LightCommand::Run(args) = &cli.command else {
            return Ok(cli::run(&cli.command, cli.json, Box::pin(std::future::pending())).await?); // Ctrl-C ends it at once
        };
        // Before all else: who has seen anything of this node may stop it right then.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        log(cli.json);
        let (gone, mut parent) = tokio::sync::oneshot::channel();
        if args.stop_with_stdin {
            process::on_stdin_end(move || {
                let _ = gone.send(()); // nobody waits any more
            });
        }
        let stop = async {
            tokio::select! {
                Ok(()) = &mut parent => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Ok(cli::run(&cli.command, cli.json, Box::pin(stop)).await?)
    })
}

fn log(json: bool) {
    let filter = EnvFilter::try_from_env("WATTLE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // It tells of a failed write on standard error, which has just failed: that would end the process.
        .log_internal_errors(false);
    if json { logs.json().init() } else { logs.init() }
}

/// Prints an error with everything below it. Nobody may be there to read it: the exit code says as much.
fn report(json: bool, error: &(dyn Error + 'static)) {
    let text = causes(error);
    if json {
        let code = error.downcast_ref::<LightCliError>().map(LightCliError::code);
        let _ = writeln!(std::io::stdout(), "{}", serde_json::json!({"error": text, "code": code}));
    } else {
        let _ = writeln!(std::io::stderr(), "error: {text}");
    }
}
