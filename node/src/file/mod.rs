//! Files as the write-ahead log and the sign state see them: one directory, named files, explicit syncs.
//!
//! Two implementations: [`os`] on the real file system, [`sim`] in memory, where a crash drops what was not
//! synced. The simulator runs the product's own storage code over the second, so a forgotten sync shows.
//!
//! # Contract
//! - Bytes are durable once [`File::sync`] of their file has returned `Ok`.
//! - A name (created, renamed or removed) is durable once [`Dir::sync`] has returned `Ok`.
//! - After a failed sync nothing is known of the bytes it should have covered, and trying again proves nothing:
//!   the system may have dropped them and marked them clean. The caller ends.
//!
//! # Not here
//! RocksDB's files, and those that only tools read (exports, configuration).

pub mod os;
pub mod sim;

use std::io;

/// One flat directory. Clones are handles to the same one.
pub trait Dir: Clone + std::fmt::Debug + Send + 'static {
    /// Its files.
    type File: File;
    /// Holds a lock for as long as it lives.
    type Lock: std::fmt::Debug + Send + 'static;

    /// Opens a file to read and write; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`FileError`].
    fn open(&self, name: &str) -> Result<Option<Self::File>, FileError>;

    /// Creates an empty file that only its owner can read. Its name is durable after [`Dir::sync`].
    ///
    /// # Errors
    /// [`FileError`], also when the name is taken.
    fn create(&self, name: &str) -> Result<Self::File, FileError>;

    /// Renames a file, atomically, over any that has the new name. Durable after [`Dir::sync`].
    ///
    /// # Errors
    /// [`FileError`].
    fn rename(&self, from: &str, to: &str) -> Result<(), FileError>;

    /// Removes a file. Durable after [`Dir::sync`].
    ///
    /// # Errors
    /// [`FileError`].
    fn remove(&self, name: &str) -> Result<(), FileError>;

    /// The names in it, sorted.
    ///
    /// # Errors
    /// [`FileError`].
    fn list(&self) -> Result<Vec<String>, FileError>;

    /// Makes every name change so far durable.
    ///
    /// # Errors
    /// [`FileError`]; fatal, as every failed sync.
    fn sync(&self) -> Result<(), FileError>;

    /// Takes the advisory lock of that name, or returns `None` when another holder lives.
    ///
    /// # Errors
    /// [`FileError`].
    fn lock(&self, name: &str) -> Result<Option<Self::Lock>, FileError>;
}

/// An open file. There is no cursor: every access names its offset in bytes.
pub trait File: std::fmt::Debug + Send + 'static {
    /// Its length in bytes.
    ///
    /// # Errors
    /// [`FileError`].
    fn len(&self) -> Result<u64, FileError>;

    /// Whether it holds no byte.
    ///
    /// # Errors
    /// [`FileError`].
    fn is_empty(&self) -> Result<bool, FileError> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// [`FileError`], also when the file ends before the buffer is full.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError>;

    /// Writes all of `bytes` at `offset`, growing the file as needed. Not durable before [`File::sync`].
    ///
    /// # Errors
    /// [`FileError`]; any part of the bytes may have been written then.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), FileError>;

    /// Cuts the file to `len` bytes. Not durable before [`File::sync`].
    ///
    /// # Errors
    /// [`FileError`].
    fn truncate(&mut self, len: u64) -> Result<(), FileError>;

    /// Makes every byte written so far durable.
    ///
    /// # Errors
    /// [`FileError`]; fatal.
    fn sync(&mut self) -> Result<(), FileError>;
}

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOp {
    /// Opening a file or directory.
    Open,
    /// Creating a file or directory.
    Create,
    /// Reading bytes or a length.
    Read,
    /// Writing bytes.
    Write,
    /// Cutting a file.
    Truncate,
    /// Making bytes or names durable.
    Sync,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Listing a directory.
    List,
    /// Taking a lock.
    Lock,
}

impl std::fmt::Display for FileOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Read => "read",
            Self::Write => "write",
            Self::Truncate => "truncate",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::List => "list",
            Self::Lock => "lock",
        })
    }
}

/// A file operation failed. Our disk: no peer is at fault.
#[derive(Debug, thiserror::Error)]
#[error("cannot {op} {name}")]
pub struct FileError {
    /// The operation.
    pub op: FileOp,
    /// Path or name of the file or directory.
    pub name: String,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// Whether the disk is full or a quota is used up: freeing space helps.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

#[cfg(test)]
mod tests;
