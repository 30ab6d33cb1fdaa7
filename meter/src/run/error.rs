//! Reasons why a light node cannot run, or stopped.

use crate::config::ConfigError;
use crate::queue::QueueError;
use crate::sensor::BusError;
use crate::submit::SubmitError;
use std::net::SocketAddr;
use std::path::PathBuf;
use wattle_chain_spec::CheckpointError;
use wattle_host::FileError;
use wattle_host::key::KeyError;

/// Reasons why the light node cannot run, or stopped.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum LightError {
    /// The configuration makes no sense.
    #[error("configuration")]
    Config(#[source] ConfigError),
    /// A meter cannot be read as configured.
    #[error("meter")]
    Meter(#[source] BusError),
    /// A key cannot be used.
    #[error("key of meter {meter}")]
    Key {
        meter: String,
        #[source]
        source: KeyError,
    },
    /// The key is another one than that of the readings in the queue: theirs would be taken for its own.
    #[error("{} holds another meter's readings: give the meter with this key another name than {meter}", dir.display())]
    OtherMeter { meter: String, dir: PathBuf },
    /// The checkpoint cannot be used.
    #[error("checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// A data directory cannot be made.
    #[error("cannot create {}", path.display())]
    DataDir {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A queue cannot be used. Readings can no longer be kept, so the light node ends.
    #[error("reading queue")]
    Queue(#[source] QueueError),
    /// The disk worker was lost.
    #[error("disk worker ended")]
    Worker,
    /// Order and position of the relay cannot be kept.
    #[error("relay state")]
    Relay(#[source] FileError),
    /// The status cannot be served.
    #[error("cannot serve the status on {address}")]
    Status {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// A peer's address is none.
    #[error("{address:?} is not an address")]
    Address { address: String },
    /// The operating system has no entropy.
    #[error("no entropy")]
    Entropy(#[source] getrandom::Error),
    /// The network did not start, or ended.
    #[error("network")]
    Network(#[source] wattle_p2p::Error),
    /// The network task ended by itself.
    #[error("the network ended")]
    NetworkEnded,
}

impl From<SubmitError> for LightError {
    /// Only for errors of the queue: everything else is retried.
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Queue(source) => Self::Queue(source),
            _ => Self::Worker,
        }
    }
}
