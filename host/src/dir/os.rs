//! The real file system. Files are 0600, directories 0700; descriptors close on exec, as the standard library opens
//! them.

use super::{Dir, File};
use crate::FileError;
use crate::file::{PRIVATE, create_dir};
use crate::lock::{FileLock, Holder};
use rustix::fs::OFlags;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A directory of the operating system.
#[derive(Clone, Debug)]
pub struct OsDir {
    path: PathBuf,
    /// Kept open, so that a sync reaches this directory even after a rename of it.
    handle: Arc<fs::File>,
    on_sync: Option<OnSync>,
}

/// An open file of the operating system.
#[derive(Debug)]
pub struct OsFile {
    file: fs::File,
    path: PathBuf,
    on_sync: Option<OnSync>,
}

/// Is told how long each sync of a file took.
#[derive(Clone)]
struct OnSync(Arc<dyn Fn(Duration) + Send + Sync>);

impl std::fmt::Debug for OnSync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnSync")
    }
}

impl OsDir {
    /// Opens the directory at `path`, creating it and its parents when missing. A created one is durable on return.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        create_dir(path)?;
        let handle = fs::File::open(path).map_err(FileError::io("open", path))?;
        Ok(Self { path: path.to_owned(), handle: Arc::new(handle), on_sync: None })
    }

    /// The same directory, telling `on_sync` how long each sync of its files takes.
    #[must_use]
    pub fn timed(self, on_sync: Arc<dyn Fn(Duration) + Send + Sync>) -> Self {
        Self { on_sync: Some(OnSync(on_sync)), ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn options(&self, name: &str) -> (PathBuf, OpenOptions) {
        let mut options = OpenOptions::new();
        // A link would let two directories share a file that each believes to have locked.
        options.read(true).write(true).mode(PRIVATE).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        (self.path.join(name), options)
    }
}

impl Dir for OsDir {
    type File = OsFile;
    type Lock = FileLock;

    fn open(&self, name: &str) -> Result<Option<OsFile>, FileError> {
        let (path, options) = self.options(name);
        match options.open(&path) {
            Ok(file) => Ok(Some(OsFile { file, path, on_sync: self.on_sync.clone() })),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FileError::io("open", &path)(source)),
        }
    }

    fn create(&self, name: &str) -> Result<OsFile, FileError> {
        let (path, mut options) = self.options(name);
        let file = options.create_new(true).open(&path).map_err(FileError::io("create", &path))?;
        Ok(OsFile { file, path, on_sync: self.on_sync.clone() })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let path = self.path.join(from);
        fs::rename(&path, self.path.join(to)).map_err(FileError::io("rename", &path))
    }

    fn remove(&self, name: &str) -> Result<(), FileError> {
        let path = self.path.join(name);
        fs::remove_file(&path).map_err(FileError::io("remove", &path))
    }

    fn list(&self) -> Result<Vec<String>, FileError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(FileError::io("list", &self.path))? {
            let entry = entry.map_err(FileError::io("list", &self.path))?;
            // A name that is not text is none of ours.
            names.extend(entry.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync(&self) -> Result<(), FileError> {
        self.handle.sync_all().map_err(FileError::io("sync", &self.path))
    }

    fn lock(&self, name: &str) -> Result<Result<FileLock, Holder>, FileError> {
        FileLock::take_named(&self.path.join(name))
    }
}

impl File for OsFile {
    fn len(&self) -> Result<u64, FileError> {
        self.file.metadata().map(|m| m.len()).map_err(FileError::io("read", &self.path))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError> {
        self.file.read_exact_at(buffer, offset).map_err(FileError::io("read", &self.path))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all_at(bytes, offset).map_err(FileError::io("write", &self.path))
    }

    fn truncate(&mut self, len: u64) -> Result<(), FileError> {
        self.file.set_len(len).map_err(FileError::io("truncate", &self.path))
    }

    fn sync(&mut self) -> Result<(), FileError> {
        // fdatasync: the length is part of what it makes durable, timestamps are not.
        let begun = Instant::now();
        let synced = self.file.sync_data().map_err(FileError::io("sync", &self.path));
        if let Some(OnSync(on_sync)) = &self.on_sync {
            on_sync(begun.elapsed());
        }
        synced
    }
}
