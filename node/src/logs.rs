//! The process's log: its form, and its filter, which can change while the process runs.

use std::io::IsTerminal as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::Error as ReloadError;

/// How logs are written, on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why a filter does not take effect.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No filter.
    #[error("{filter:?} is no log filter: {detail}")]
    Filter {
        /// As given.
        filter: String,
        /// Its fault.
        detail: String,
    },
    /// The process writes no log.
    #[error("this process has no log")]
    Off,
}

type Replace = Box<dyn Fn(EnvFilter) -> Result<(), ReloadError> + Send + Sync>;

struct Log {
    replace: Replace,
    filter: Mutex<String>,
}

/// The process has one log, as it has one standard error.
static LOG: OnceLock<Log> = OnceLock::new();

/// Starts the log. Without effect in a process that has one.
///
/// # Errors
/// [`LogError::Filter`].
pub fn init(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let parsed = parse(filter)?;
    let logs = tracing_subscriber::fmt()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // It tells of a failed write on standard error, which has just failed: that would end the process.
        .log_internal_errors(false);
    let (replace, started): (Replace, _) = match format {
        LogFormat::Text => {
            let logs = logs.with_env_filter(parsed).with_filter_reloading();
            let handle = logs.reload_handle();
            (Box::new(move |filter| handle.reload(filter)), logs.try_init())
        }
        LogFormat::Json => {
            let logs = logs.json().with_env_filter(parsed).with_filter_reloading();
            let handle = logs.reload_handle();
            (Box::new(move |filter| handle.reload(filter)), logs.try_init())
        }
    };
    if started.is_ok() {
        let filter = Mutex::new(filter.to_owned());
        LOG.get_or_init(|| Log { replace, filter });
    }
    Ok(())
}

/// The filter in force; empty in a process without a log.
#[must_use]
pub fn filter() -> String {
    LOG.get()
        .map_or_else(String::new, |log| log.filter.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Replaces the filter. Returns the one before.
///
/// # Errors
/// [`LogError`].
pub fn set_filter(filter: &str) -> Result<String, LogError> {
    let parsed = parse(filter)?;
    let log = LOG.get().ok_or(LogError::Off)?;
    let mut current = log.filter.lock().unwrap_or_else(PoisonError::into_inner);
    (log.replace)(parsed).map_err(|_| LogError::Off)?;
    Ok(std::mem::replace(&mut current, filter.to_owned()))
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(filter)
        .map_err(|error| LogError::Filter { filter: filter.to_owned(), detail: error.to_string() })
}
