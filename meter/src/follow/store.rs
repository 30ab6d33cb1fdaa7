//! The trusted head on disk: a checkpoint of the light node's own, with a checksum in front.

use super::dispute::Dispute;
use std::fs;
use std::path::{Path, PathBuf};
use wattle_chain_spec::{CHECKPOINT_BYTES_MAX, Checkpoint};
use wattle_host::FileError;

/// Name of the file that keeps a dispute.
const DISPUTE: &str = "dispute.json";

/// Where the trusted head is kept: a file in operation, memory in a simulation.
pub trait HeadStore: Send + Sync {
    /// The saved head; `None` when there is none or it is damaged: the operator's checkpoint then serves.
    fn load(&self) -> Option<Checkpoint>;

    /// Replaces the saved head. After a power cut there is the old one or the new one.
    ///
    /// # Errors
    /// The disk's.
    fn save(&self, checkpoint: &Checkpoint) -> Result<(), FileError>;

    /// The dispute that was not settled when the light node stopped. Without a place for it there is none.
    fn load_dispute(&self) -> Option<Dispute> {
        None
    }

    /// Keeps a dispute, or removes it.
    ///
    /// # Errors
    /// The disk's.
    fn save_dispute(&self, _dispute: Option<&Dispute>) -> Result<(), FileError> {
        Ok(())
    }
}

/// The trusted head in a file.
pub(crate) struct HeadFile {
    path: PathBuf,
}

impl HeadFile {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { path: dir.join("head.json") }
    }
}

impl HeadStore for HeadFile {
    fn load(&self) -> Option<Checkpoint> {
        read(&self.path)
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), FileError> {
        crate::files::replace(&self.path, &checkpoint.to_json(), 0o600)
    }

    fn load_dispute(&self) -> Option<Dispute> {
        serde_json::from_str(&read_text(&self.path.with_file_name(DISPUTE))?).ok()
    }

    fn save_dispute(&self, dispute: Option<&Dispute>) -> Result<(), FileError> {
        let path = self.path.with_file_name(DISPUTE);
        match dispute {
            Some(dispute) => {
                let text =
                    serde_json::to_string(dispute).map_err(|e| FileError::io("write", &path)(e.into()))?;
                crate::files::replace(&path, &text, 0o600)
            }
            None => wattle_host::file::remove(&path),
        }
    }
}

/// The saved head, when it is of `configured`'s chain and not below it; else `configured`.
pub(super) fn newer(saved: Option<Checkpoint>, configured: Checkpoint) -> Checkpoint {
    let counts = |saved: &Checkpoint| {
        saved.genesis_hash == configured.genesis_hash && saved.header.height >= configured.header.height
    };
    saved.filter(counts).unwrap_or(configured)
}

/// The checkpoint in a file with a checksum; `None` when there is none or it is damaged.
pub(super) fn read(path: &Path) -> Option<Checkpoint> {
    Checkpoint::from_json(&read_text(path)?).ok()
}

fn read_text(path: &Path) -> Option<String> {
    if fs::metadata(path).ok()?.len() > CHECKPOINT_BYTES_MAX as u64 {
        return None;
    }
    crate::files::read(path)
}
