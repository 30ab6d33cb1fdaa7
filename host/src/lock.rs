//! One process for a directory, one process on this machine for a validator key.
//!
//! Both locks go with the process, however it ends. The sign state has a third one of its own, for whoever reaches it
//! by another way. Copies of a key on different machines are for their operator to prevent.

use crate::FileError;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use wattle_primitives::{Hash, PublicKey};

/// Why a lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process uses the directory.
    #[error("{} is in use by process {holder}: stop it first", dir.display())]
    DirInUse {
        /// The directory.
        dir: PathBuf,
        /// Its process, as far as it is known.
        holder: String,
    },
    /// Another process on this machine votes with the key.
    #[error(
        "another process on this machine runs validator {key}: two of them would sign against each other"
    )]
    KeyInUse {
        /// The key.
        key: PublicKey,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

/// An exclusive lock on an open file; the system gives it up with the process, however that ends.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

/// The only process that uses a directory.
#[derive(Debug)]
pub struct DirLock {
    _lock: FileLock,
}

/// The only process on this machine that votes with a key.
#[derive(Debug)]
pub struct KeyLock {
    _socket: UnixListener,
}

impl FileLock {
    /// Locks `file`. Gives it back when somebody else has it.
    ///
    /// # Errors
    /// The system's, when it cannot lock.
    pub fn take(file: File) -> io::Result<Result<Self, File>> {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Ok(Self { file })),
            Err(Errno::WOULDBLOCK) => Ok(Err(file)),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Drop for FileLock {
    /// A child that was forked and has not become another program yet has the file open as well, and with it the lock.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock); // closing it does the same, later
    }
}

impl DirLock {
    /// Locks `dir`, which must exist.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        /// A process id and a line end.
        const HOLDER_BYTES_MAX: u64 = 16;
        let path = dir.join("lock");
        let io = || FileError::io("lock", &path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(io())?;
        let mut lock = match FileLock::take(file).map_err(io())? {
            Ok(lock) => lock,
            Err(held) => {
                let mut holder = String::new();
                // A holder that cannot be read is not known; the lock is held all the same.
                let _ = held.take(HOLDER_BYTES_MAX).read_to_string(&mut holder);
                let digits: String = holder.chars().filter(char::is_ascii_digit).collect();
                let holder = if digits.is_empty() { "unknown".to_owned() } else { digits };
                return Err(LockError::DirInUse { dir: dir.to_owned(), holder });
            }
        };
        lock.file.set_len(0).and_then(|()| lock.file.rewind()).map_err(io())?;
        writeln!(lock.file, "{}", std::process::id()).map_err(io())?;
        Ok(Self { _lock: lock })
    }
}

impl KeyLock {
    /// Locks `key` on `chain`: by a socket name that only one process can have, and that no file keeps.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(chain: &Hash, key: &PublicKey) -> Result<Self, LockError> {
        let name = format!("wattle/validator/{}/{key}", &chain.to_string()[..16]);
        let path = PathBuf::from(format!("@{name}"));
        let address = SocketAddr::from_abstract_name(&name).map_err(FileError::io("lock", &path))?;
        match UnixListener::bind_addr(&address) {
            Ok(socket) => Ok(Self { _socket: socket }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(LockError::KeyInUse { key: *key }),
            Err(source) => Err(FileError::io("lock", &path)(source).into()),
        }
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
