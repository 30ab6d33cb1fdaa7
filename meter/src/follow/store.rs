//! The trusted head on disk: a checkpoint of the light node's own, with a checksum in front.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use wattle_chain_spec::{CHECKPOINT_BYTES_MAX, Checkpoint};

/// Where the trusted head is kept: a file in operation, memory in a simulation.
pub trait HeadStore: Send + Sync {
    /// The saved head; `None` when there is none or it is damaged: the operator's checkpoint then serves.
    fn load(&self) -> Option<Checkpoint>;

    /// Replaces the saved head. After a power cut there is the old one or the new one.
    ///
    /// # Errors
    /// What the disk says.
    fn save(&self, checkpoint: &Checkpoint) -> io::Result<()>;

    /// Where it is, for messages.
    fn path(&self) -> &Path;
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
    fn path(&self) -> &Path {
        &self.path
    }

    fn load(&self) -> Option<Checkpoint> {
        let bytes = fs::metadata(&self.path).ok()?.len();
        if bytes > CHECKPOINT_BYTES_MAX as u64 {
            return None;
        }
        let text = fs::read_to_string(&self.path).ok()?;
        let (sum, json) = text.split_once('\n')?;
        let whole = blake3::hash(json.as_bytes()).to_hex().as_str() == sum;
        whole.then(|| Checkpoint::from_json(json).ok()).flatten()
    }

    fn save(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let json = checkpoint.to_json();
        let temporary = self.path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        writeln!(file, "{}", blake3::hash(json.as_bytes()).to_hex())?;
        file.write_all(json.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        let dir = self.path.parent().unwrap_or(Path::new("."));
        File::open(dir)?.sync_all()
    }
}
