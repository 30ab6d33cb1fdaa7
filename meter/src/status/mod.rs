//! The light node's status: live on loopback, and from its data directory.

mod live;
mod metrics;
mod page;
pub(crate) mod server;

pub(crate) use live::Source;

use crate::follow::{Dispute, saved_dispute, saved_head};
use crate::queue::{Overview, QueueError, overview};
use crate::relay;
use serde::Serialize;
use std::path::{Path, PathBuf};
use wattle_primitives::{Epoch, Hash, Height, TimeMs};

/// Directory of a meter's queue within the meter's own.
pub(crate) const QUEUE_DIR: &str = "queue";

/// A data directory at a glance. The trusted head is the one last saved: up to ten minutes old while the node runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LightStatus {
    /// The meters that have a queue, by name.
    pub meters: Vec<QueueStatus>,
    /// The trusted head.
    pub trusted: Option<TrustedHead>,
    /// Two headers that exclude each other: nothing is believed until an operator decides.
    pub dispute: Option<Dispute>,
    /// The relay's standing order and last commanded position.
    pub relay: relay::Saved,
}

/// The queue of one meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatus {
    /// Name of the meter.
    pub name: String,
    /// Readings that wait.
    pub queue_depth: usize,
    /// Last number in the queue.
    pub last_seq: u64,
    /// Number up to which the chain is proven to have the readings.
    pub acked_seq: u64,
    /// Readings dropped unsent since the queue was full.
    pub dropped: u64,
    /// Whether the numbers are known to follow the chain's.
    pub anchored: bool,
}

/// The newest header believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustedHead {
    /// Name of the chain.
    pub chain_id: String,
    /// Genesis hash.
    pub genesis_hash: Hash,
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its time.
    pub time_ms: TimeMs,
    /// When trust in it ends.
    pub trusted_until_ms: TimeMs,
}

/// Reasons why a data directory tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The directory cannot be listed.
    #[error("cannot list {}", path.display())]
    List {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A queue's files cannot be read.
    #[error("cannot look into the queue of {name}")]
    Queue {
        name: String,
        #[source]
        source: QueueError,
    },
}

/// Looks into a data directory without changing or locking it.
///
/// # Errors
/// [`StatusError`].
pub fn status(data_dir: &Path) -> Result<LightStatus, StatusError> {
    let trusted = saved_head(data_dir).map(|saved| TrustedHead {
        chain_id: saved.chain_id,
        genesis_hash: saved.genesis_hash,
        height: saved.header.height,
        hash: saved.header.hash(),
        epoch: saved.header.epoch,
        time_ms: saved.header.time_ms,
        trusted_until_ms: saved.header.time_ms.saturating_add(saved.trust_period_ms),
    });
    let dispute = saved_dispute(data_dir);
    Ok(LightStatus { meters: queues(data_dir)?, trusted, dispute, relay: relay::saved(data_dir) })
}

fn queues(data_dir: &Path) -> Result<Vec<QueueStatus>, StatusError> {
    let list = |source| StatusError::List { path: data_dir.to_owned(), source };
    let mut meters = Vec::new();
    for entry in std::fs::read_dir(data_dir).map_err(list)? {
        let entry = entry.map_err(list)?;
        let dir = entry.path().join(QUEUE_DIR);
        let Some(name) = entry.file_name().to_str().map(str::to_owned).filter(|_| dir.is_dir()) else {
            continue;
        };
        let seen = overview(&dir).map_err(|source| StatusError::Queue { name: name.clone(), source })?;
        let Overview { depth, last_seq, acked, dropped, anchored } = seen;
        meters.push(QueueStatus { name, queue_depth: depth, last_seq, acked_seq: acked, dropped, anchored });
    }
    meters.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(meters)
}

#[cfg(test)]
mod tests;
