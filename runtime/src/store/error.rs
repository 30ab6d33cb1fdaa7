//! Why a store could not do what was asked.

use wattle_primitives::{Hash, Height};

/// Why a store could not do what was asked. No peer is at fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the database failed. What was being written may or may not be there after a restart.
    #[error("storage failed: {detail}")]
    Io {
        /// The database's message.
        detail: String,
    },
    /// The disk is full. As [`StoreError::Io`], but a restart after making room goes on.
    #[error("the disk is full: {detail}")]
    Full {
        /// The database's message.
        detail: String,
    },
    /// Something on disk is not what was written.
    #[error("stored {what} is corrupt: {detail}")]
    Corrupt {
        /// Kind of thing.
        what: &'static str,
        /// The damage, in words.
        detail: String,
    },
    /// A commit does not follow the tip.
    #[error("height {got} does not follow {tip:?}")]
    Order {
        /// The tip's height.
        tip: Option<Height>,
        /// Height of the commit.
        got: Height,
    },
    /// The entries do not hash to the root of the tip's header: do not run on this.
    #[error("state at height {height} has root {got}, its header says {expected}")]
    StateRootMismatch {
        /// The tip.
        height: Height,
        /// The header's.
        expected: Hash,
        /// The entries'.
        got: Hash,
    },
    /// Written by another version of this software.
    #[error(
        "store has format {got}, this version reads {expected}: go on with the version that wrote it, or begin a new chain in a new \
         directory"
    )]
    Format {
        /// Format that this version reads.
        expected: u32,
        /// Format of the store.
        got: u32,
    },
    /// Older than the history that is kept.
    #[error("history below height {horizon} was pruned")]
    Pruned {
        /// Lowest height kept.
        horizon: Height,
    },
}
