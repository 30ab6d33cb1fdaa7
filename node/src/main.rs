//! The program `wattle`: reads the command line, runs one command, says how it went.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use wattle_node::cli::context::LogFormat;
use wattle_node::cli::{self, Cli, CliError, EXIT_FAILED, EXIT_OK};

fn main() -> ExitCode {
    no_core_dumps();
    let cli = match cli::parse(std::env::args_os()) {
        Ok(Some(cli)) => cli,
        Ok(None) => return ExitCode::from(EXIT_OK),
        Err(code) => return ExitCode::from(code),
    };
    if let Err(error) = init_logs(&cli) {
        return ExitCode::from(cli::fail(&error, cli.global.json));
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => ExitCode::from(runtime.block_on(cli::run(cli))),
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// A core dump would hold the secret keys. Where the limit cannot be set the program is still of use.
fn no_core_dumps() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

fn init_logs(cli: &Cli) -> Result<(), CliError> {
    let filter = EnvFilter::try_new(&cli.global.log)
        .map_err(|e| CliError::Usage { detail: format!("--log {:?}: {e}", cli.global.log) })?;
    let colours = std::io::stderr().is_terminal();
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    match cli.global.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}
