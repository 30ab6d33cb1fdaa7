//! Files as a write-ahead log sees them: one directory, named files, explicit syncs.
//!
//! [`OsDir`] is one of the operating system's. The tests have another, in memory, where a crash drops what was not
//! synced: they run the product's own storage code over it, so a forgotten sync shows.
//!
//! # Contract
//! - Bytes are durable once [`File::sync`] of their file has returned `Ok`.
//! - A name (created, renamed or removed) is durable once [`Dir::sync`] has returned `Ok`.
//! - An error is a [`FileError::Io`] with the name of the method that failed.
//! - After a failed sync nothing is known of the bytes it should have covered, and trying again proves nothing:
//!   the system may have dropped them and marked them clean. The caller ends.
//!
//! # Not here
//! Files that are written as a whole ([`crate::file`]), and RocksDB's.

mod os;

pub use os::{OsDir, OsFile};

use crate::FileError;
use crate::lock::Holder;

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

    /// Takes the advisory lock of that name, or tells who holds it.
    ///
    /// # Errors
    /// [`FileError`].
    fn lock(&self, name: &str) -> Result<Result<Self::Lock, Holder>, FileError>;
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
