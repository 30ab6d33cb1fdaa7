//! Commands that only show something.

use super::{ConfigArgs, EXAMPLE_CONFIG, LightCliError, StatusArgs};
use crate::config::LightConfig;
use crate::status::{LightStatus, status as look};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wattle_chain_spec::Checkpoint;

/// How long the running light node has to answer.
const LIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer of it, in bytes.
const LIVE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Where a service manager lays keys when it starts the service: there is nothing to check before.
const HANDED_OVER: &str = "/run/credentials";

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

/// A data directory at a glance, and the running light node's own status, if there is one.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    kept: LightStatus,
    live: Option<Value>,
}

pub(super) fn status(args: &StatusArgs, json: bool) -> Result<(), LightCliError> {
    let (dir, address) = match (&args.data_dir, &args.config) {
        (Some(dir), _) => (dir.clone(), None),
        (None, Some(path)) => {
            let config = LightConfig::load(path).map_err(LightCliError::Config)?;
            let address = config.status_address().map_err(LightCliError::Config)?;
            (config.data_dir, address)
        }
        (None, None) => (PathBuf::new(), None), // refused by the parser
    };
    let kept = look(&dir).map_err(LightCliError::Status)?;
    let answer = Answer { kept, live: address.and_then(live) };
    print(json, &answer, || text(&answer.kept) + &answer.live.as_ref().map(live_text).unwrap_or_default())
}

/// The answer of a light node that runs there; `None` when none does.
fn live(address: SocketAddr) -> Option<Value> {
    let mut stream = TcpStream::connect_timeout(&address, LIVE_TIMEOUT).ok()?;
    stream.set_read_timeout(Some(LIVE_TIMEOUT)).ok()?;
    stream.set_write_timeout(Some(LIVE_TIMEOUT)).ok()?;
    stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.take(LIVE_BYTES_MAX).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| serde_json::from_str(body).ok()).flatten()
}

/// Credit, prices and refusals: the data directory does not have them. Numbers are text in the JSON.
fn live_text(live: &Value) -> String {
    let mut out = String::new();
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for meter in live["meters"].as_array().into_iter().flatten() {
        let (name, credit, tariff) = (word(&meter["name"]), &meter["credit"], &meter["tariff"]);
        let mut line = |text: String| out.push_str(&format!("{name}: {text}\n"));
        if credit.is_object() {
            let (available, height) = (word(&credit["available"]), word(&credit["height"]));
            line(format!("credit {available} base units, proven at height {height}"));
        }
        if tariff.is_object() {
            let (import, export) = (word(&tariff["importPrice"]), word(&tariff["exportPrice"]));
            let height = word(&tariff["height"]);
            line(format!(
                "a kWh costs {import} and earns {export} base units now, proven at height {height}"
            ));
        }
        if meter["refusedByChain"].is_object() {
            line(format!("refused by the chain: {}", word(&meter["refusedByChain"]["reason"])));
        }
    }
    out
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
    let checkpoint = Checkpoint::load(&config.checkpoint).map_err(LightCliError::Checkpoint)?;
    checkpoint.check().map_err(LightCliError::Checkpoint)?;
    let mut unseen = Vec::new();
    for key in config.meters().filter_map(|(_, meter)| meter.key_file.as_ref()) {
        if Path::new(key).starts_with(HANDED_OVER) && !key.exists() {
            unseen.push(key.display().to_string());
        } else {
            wattle_host::key::load(key).map_err(LightCliError::Key)?;
        }
    }
    print(json, &config, || {
        let unseen = match unseen.join(", ") {
            none if none.is_empty() => none,
            some => format!("; the service manager hands over {some} at the start, which was not looked at"),
        };
        let needless = match config.needless_credit_interval_ms() {
            Some(ms) => format!(
                "; each visit looks at balances, and nothing moves by them: remove credit.interval_ms ({ms}), and a look \
                 is taken every six hours"
            ),
            None => String::new(),
        };
        format!("{} is sound, checkpoint and keys included{unseen}{needless}", path.display())
    })
}
