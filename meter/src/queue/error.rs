//! Failures of the queue's files.

use std::io;
use std::path::{Path, PathBuf};

/// Failures that stop the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The disk refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Another process uses the directory.
    #[error("{} is in use by another process", path.display())]
    Locked { path: PathBuf },
    /// A reading that does not follow: its number was used before, or was never reserved.
    #[error("reading {seq} does not follow {last} within the reservation up to {reserved}")]
    Sequence { seq: u64, last: u64, reserved: u64 },
    /// Every number has been used.
    #[error("sequence numbers are used up")]
    Exhausted,
    /// A reading longer than a slot; none of the supported encodings is.
    #[error("reading of {got} bytes does not fit a slot of {max}")]
    TooLong { max: usize, got: usize },
}

impl QueueError {
    /// Whether there is no room on the disk: nothing is lost by it, and it may pass. A failed sync is another thing,
    /// since nobody knows what it has lost.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { action, source, .. } if *action != "sync" && wattle_host::file::is_full(source))
    }

    /// For `map_err` on an I/O result.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
