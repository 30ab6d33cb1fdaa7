//! Secret keys as they are, in files that only their owner can read.
//!
//! For programs that run without anybody to ask for a password: nodes and meters.

use crate::file::{self, FileError};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use wattle_primitives::{PublicKey, SecretKey};
use zeroize::{Zeroize as _, Zeroizing};

/// Longest key file in bytes: 64 hex digits and some white space.
const KEY_FILE_BYTES_MAX: u64 = 128;

/// Where systemd says which directory it has laid a service's credentials into.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Others may read the key.
    #[error("{} has mode {mode:03o}: others may read the key; `chmod 600 {}`", path.display(), path.display())]
    Mode {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not 64 hex digits.
    #[error("{} does not hold 64 hex digits", path.display())]
    Content {
        /// The key file.
        path: PathBuf,
    },
    /// The operating system has no entropy.
    #[error("no entropy for a new key")]
    Entropy(#[source] getrandom::Error),
}

/// Reads a key: the seed as 64 hex digits, in a file that nobody else may read.
///
/// # Errors
/// [`KeyError`].
pub fn load(path: &Path) -> Result<SecretKey, KeyError> {
    read(&open(path)?, path)
}

/// Opens a key file, to be read and locked, if nobody else may read it.
pub(crate) fn open(path: &Path) -> Result<File, KeyError> {
    let io = || FileError::io("read key file", path);
    // A lock on NFS needs a file that is open for writing; where the file may not be written, reading has to do.
    let opened = File::options().read(true).write(true).open(path).or_else(|_| File::open(path));
    let file = opened.map_err(io())?;
    let mode = file.metadata().map_err(io())?.mode() & 0o777;
    if mode & others(path, std::env::var_os(CREDENTIALS).as_deref()) != 0 {
        return Err(KeyError::Mode { path: path.to_owned(), mode });
    }
    Ok(file)
}

/// Reads the key in an open file.
pub(crate) fn read(file: &File, path: &Path) -> Result<SecretKey, KeyError> {
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX as usize));
    let io = || FileError::io("read key file", path);
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(io())?;
    let mut seed = [0; 32];
    let parsed = hex::decode_to_slice(text.trim(), &mut seed);
    let key =
        parsed.map(|()| SecretKey::from_seed(seed)).map_err(|_| KeyError::Content { path: path.to_owned() });
    seed.zeroize();
    key
}

/// The permission bits that let others read the key at `path`.
///
/// A service manager hands keys over in a directory that is the service's alone, as files whose group bits are the
/// mask of an access list: reading by that "group" is the service's own.
fn others(path: &Path, credentials: Option<&OsStr>) -> u32 {
    let handed_over = credentials.is_some_and(|dir| !dir.is_empty() && path.starts_with(dir));
    if handed_over { 0o037 } else { 0o077 }
}

/// Writes a new key to a file that must not exist, and returns its public half. Durable on return.
///
/// # Errors
/// [`KeyError::File`] also when the file exists: a key is never overwritten. [`KeyError::Entropy`].
pub fn generate(path: &Path) -> Result<PublicKey, KeyError> {
    let key = SecretKey::generate().map_err(KeyError::Entropy)?;
    write(path, &key)?;
    Ok(key.public())
}

/// Writes `key` to a file that must not exist. Durable on return.
///
/// # Errors
/// [`KeyError::File`].
pub fn write(path: &Path, key: &SecretKey) -> Result<(), KeyError> {
    let mut text = Zeroizing::new(hex::encode(key.seed()));
    text.push('\n');
    Ok(file::create(path, text.as_bytes(), file::PRIVATE)?)
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
