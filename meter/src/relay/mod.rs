//! The relay hook: connects and disconnects a customer, by the operator's order or by proven credit.
//!
//! [`Machine`] decides, [`Actuator`] moves, orders come as files ([`order`]), and order and position are kept in a
//! file. The loop that holds these together is `run::relay`.

mod actuator;
mod machine;
pub(crate) mod order;

pub(crate) use actuator::Actuator;
pub use machine::Order;
pub(crate) use machine::{Fallback, Input, Machine, Position, Rules, Saved};

use serde::Serialize;
use std::path::Path;
use wattle_host::FileError;

/// Name of the file that keeps order and position.
const FILE: &str = "relay.json";

/// The relay at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RelayStatus {
    /// The standing order.
    pub(crate) order: Order,
    /// The position last commanded; `None` before the first.
    pub(crate) commanded: Option<Position>,
    /// The position that is wanted, if it is another one: it waits for the interval between two changes.
    pub(crate) pending: Option<Position>,
    /// Whether the last command succeeded; `None` before the first since the start.
    pub(crate) confirmed: Option<bool>,
    /// Reason why it failed.
    pub(crate) error: Option<String>,
    /// Commands given since the start, repeated ones included.
    pub(crate) commands: u64,
}

/// Order and position of a data directory; nothing before the first.
pub(crate) fn saved(dir: &Path) -> Saved {
    let text = crate::files::read(&dir.join(FILE));
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Makes order and position durable. Returns the bytes that were written.
///
/// # Errors
/// The disk's.
pub(crate) fn keep(dir: &Path, saved: &Saved) -> Result<u64, FileError> {
    let path = dir.join(FILE);
    let text = serde_json::to_string(saved).map_err(|e| FileError::io("write", &path)(e.into()))?;
    crate::files::replace(&path, &text, 0o600)?;
    Ok(crate::files::written_bytes(&text))
}
