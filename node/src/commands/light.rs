//! `wattle light`: the light node from the main binary; `wattle-light` is the slim one for small machines.

use super::{failed, stop_signal};
use crate::cli::{CliResult, Report};
use clap::Args;
use std::path::PathBuf;

/// Options of `wattle light`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  wattle light --config /etc/wattle/light.toml")]
pub struct LightArgs {
    /// The light node's configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Also stop when standard input ends: for a program that starts light nodes and may be killed.
    #[arg(long)]
    pub stop_with_stdin: bool,
}

/// Runs a light node until it is told to stop.
///
/// # Errors
/// When it cannot start, or its disk fails.
pub(super) async fn run(args: LightArgs) -> CliResult {
    let config = wattle_meter::LightConfig::load(&args.config).map_err(|e| failed("light_config", &e))?;
    wattle_meter::run(config, stop_signal(args.stop_with_stdin)).await.map_err(|e| failed("light", &e))?;
    Ok(Report::Printed)
}
