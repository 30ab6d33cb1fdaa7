//! The program `wattle`: reads the command line, runs one command, says how it went.

use std::process::ExitCode;
use wattle_cli::{CliError, EXIT_OK};
use wattle_node::commands::{self, Cli};
use wattle_node::logs;

fn main() -> ExitCode {
    wattle_host::process::keep_secrets();
    let cli: Cli = match wattle_cli::parse(std::env::args_os()) {
        Ok(Some(cli)) => cli,
        Ok(None) => return ExitCode::from(EXIT_OK),
        Err(code) => return ExitCode::from(code),
    };
    if let Err(error) = logs::init(&cli.log.log, cli.log.log_format) {
        let error = CliError::Usage { detail: format!("--log: {error}") };
        return ExitCode::from(wattle_cli::fail(&error, cli.global.json));
    }
    ExitCode::from(commands::run(cli))
}
