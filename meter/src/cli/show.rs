//! Commands that only show something.

use super::{ConfigArgs, EXAMPLE_CONFIG, LightCliError, StatusArgs};
use crate::config::LightConfig;
use crate::status::{LightStatus, status as look};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// Prints an answer: as one line of JSON, or as text.
pub(super) fn print(
    json: bool,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), LightCliError> {
    let line = if json {
        serde_json::to_string(value).map_err(|e| LightCliError::Stdout(e.into()))?
    } else {
        text()
    };
    match writeln!(std::io::stdout().lock(), "{}", line.trim_end()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(LightCliError::Stdout),
    }
}

pub(super) fn status(args: &StatusArgs, json: bool) -> Result<(), LightCliError> {
    let status = look(&data_dir(args)?).map_err(LightCliError::Status)?;
    print(json, &status, || text(&status))
}

fn data_dir(args: &StatusArgs) -> Result<PathBuf, LightCliError> {
    match (&args.data_dir, &args.config) {
        (Some(dir), _) => Ok(dir.clone()),
        (None, Some(config)) => Ok(LightConfig::load(config).map_err(LightCliError::Config)?.data_dir),
        (None, None) => Ok(PathBuf::new()), // refused by the parser
    }
}

fn text(status: &LightStatus) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    for meter in &status.meters {
        let _ = writeln!(
            out,
            "{}: {} waiting, last seq {}, acked {}, dropped {}",
            meter.name, meter.queue_depth, meter.last_seq, meter.acked_seq, meter.dropped
        );
    }
    let _ = match &status.trusted {
        Some(t) => writeln!(out, "trusted     height {} of {} ({})", t.height, t.chain_id, t.hash.short()),
        None => writeln!(out, "trusted     nothing yet"),
    };
    if let Some(dispute) = &status.dispute {
        let _ = writeln!(out, "disputed    from height {} on: give a checkpoint", dispute.height);
    }
    if let Some(position) = status.relay.commanded {
        let _ = writeln!(out, "relay       {position:?} by order {:?}", status.relay.order);
    }
    out
}

pub(super) fn config(args: &ConfigArgs, json: bool) -> Result<(), LightCliError> {
    let Some(path) = &args.check else {
        return print(false, &(), || EXAMPLE_CONFIG.to_owned());
    };
    let config = LightConfig::load(path).map_err(LightCliError::Config)?;
    for (_, meter) in config.meters() {
        meter.profile().map_err(|e| LightCliError::Config(crate::config::ConfigError::Bus(e)))?;
    }
    print(json, &config, || format!("{} is sound", path.display()))
}
