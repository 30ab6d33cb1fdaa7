//! What a data directory tells of its light node, also while that runs.

use crate::follow::saved_head;
use crate::queue::{Overview, QueueError, overview};
use serde::Serialize;
use std::path::Path;
use wattle_primitives::{Epoch, Hash, Height, TimeMs};

/// A light node at a glance. The trusted head is the one last saved: up to ten minutes old while the node runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LightStatus {
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
    /// The trusted head.
    pub trusted: Option<TrustedHead>,
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
}

/// Why a data directory says nothing.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The queue's files cannot be read.
    #[error("cannot look into the queue")]
    Queue(#[source] QueueError),
}

/// Looks into a data directory without changing or locking it.
///
/// # Errors
/// [`StatusError`].
pub fn status(data_dir: &Path) -> Result<LightStatus, StatusError> {
    let Overview { depth, last_seq, acked, dropped, anchored } =
        overview(&data_dir.join("queue")).map_err(StatusError::Queue)?;
    let trusted = saved_head(data_dir).map(|saved| TrustedHead {
        chain_id: saved.chain_id,
        genesis_hash: saved.genesis_hash,
        height: saved.header.height,
        hash: saved.header.hash(),
        epoch: saved.header.epoch,
        time_ms: saved.header.time_ms,
    });
    Ok(LightStatus { queue_depth: depth, last_seq, acked_seq: acked, dropped, anchored, trusted })
}
