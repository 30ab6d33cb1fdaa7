//! One process for a directory, one process for a validator key.
//!
//! Every lock is a file's, held by `flock`: it goes with the process, however that ends, and holds wherever the same
//! file can be reached, in containers with namespaces of their own too. Files to lock are the owner's alone (mode
//! 600), and no link is followed to one, so that nobody else can hold them.
//!
//! | locked | keeps apart |
//! |---|---|
//! | `lock` in a node's directory ([`DirLock`]) | two processes of one directory |
//! | the key file itself ([`KeyLock`]) | two directories with one key file: mounted, linked |
//! | a file named after the key in `/run/lock` and `/tmp` ([`KeyLock`]) | copies of a key, of one user on one machine |
//! | `sign-state.lock` beside the sign state | whoever reaches that by another way |
//!
//! The third is a convenience: where somebody else has made the file first, the others remain. Copies of a key on
//! different machines, or in containers that share no file, are for their operator to prevent.

use crate::FileError;
use crate::key::{self, KeyError};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use wattle_primitives::{Hash, PublicKey, SecretKey, planted};

/// Where every process of a machine may make files, and none may take another's away.
const SHARED_DIRS: [&str; 2] = ["/run/lock", "/tmp"];

/// Why a lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process uses the directory.
    #[error("{} is in use by {holder}: stop it first", dir.display())]
    DirInUse {
        /// The directory.
        dir: PathBuf,
        /// Its process.
        holder: Holder,
    },
    /// Another process votes with the key.
    #[error("{holder} runs validator {key}: two of them would sign against each other, so stop it first")]
    KeyInUse {
        /// The key.
        key: PublicKey,
        /// Its process.
        holder: Holder,
    },
    /// The key cannot be read.
    #[error("key file")]
    Key(#[from] KeyError),
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The process that holds a lock, as far as it has said so: its number and its host's name, or its container's, where
/// that number counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder(Option<(u32, String)>);

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

/// The only process that votes with a key, see the [module](self).
#[derive(Debug)]
pub struct KeyLock {
    _names: Vec<NameLock>,
    _file: Option<FileLock>,
}

/// A file that stands for a key in a directory for everybody. It goes with the lock.
#[derive(Debug)]
struct NameLock {
    path: PathBuf,
    _lock: FileLock,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some((process, host)) if host.is_empty() => write!(f, "process {process}"),
            Some((process, host)) => write!(f, "process {process} on {host}"),
            None => f.write_str("another process, perhaps in another container,"),
        }
    }
}

impl Holder {
    /// This process.
    fn this() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self(Some((std::process::id(), host.trim().to_owned())))
    }

    /// Reads the holder's note. One that cannot be read is not known; the lock is held all the same.
    fn read(file: File) -> Self {
        /// A process id, the longest name of a host, a line end.
        const BYTES_MAX: u64 = 80;
        let mut text = String::new();
        let _ = file.take(BYTES_MAX).read_to_string(&mut text);
        let mut words = text.split_whitespace();
        let process = words.next().and_then(|word| word.parse().ok());
        let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
        let host = words.next().unwrap_or_default().chars().filter(plain).collect();
        Self(process.map(|process| (process, host)))
    }

    fn write(&self, mut file: &File) -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        let Some((process, host)) = &self.0 else { return Ok(()) };
        writeln!(file, "{process} {host}")
    }
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

    /// Locks the file at `path`, which is made when it is missing and holds nothing but its holder.
    ///
    /// # Errors
    /// [`FileError`]: also when it is a link.
    pub fn take_named(path: &Path) -> Result<Result<Self, Holder>, FileError> {
        Self::take_own(open_to_lock(path).map_err(FileError::io("lock", path))?)
            .map_err(FileError::io("lock", path))
    }

    fn take_own(file: File) -> io::Result<Result<Self, Holder>> {
        match Self::take(file)? {
            Ok(lock) => Holder::this().write(&lock.file).map(|()| Ok(lock)),
            Err(held) => Ok(Err(Holder::read(held))),
        }
    }
}

/// Opens a file that holds nothing but who has locked it. A link is none.
fn open_to_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(crate::file::PRIVATE);
    if !planted!("lock-follows-links") {
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path)
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
        let lock = FileLock::take_named(&dir.join("lock"))?;
        Ok(Self { _lock: lock.map_err(|holder| LockError::DirInUse { dir: dir.to_owned(), holder })? })
    }
}

impl KeyLock {
    /// Reads the key at `path` and locks it on `chain`.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(path: &Path, chain: &Hash) -> Result<(SecretKey, Self), LockError> {
        let file = key::open(path)?;
        let secret = key::read(&file, path)?;
        let key = secret.public();
        let in_use = |holder| LockError::KeyInUse { key, holder };
        // These first: they know who holds them.
        let mut names = Vec::new();
        for dir in SHARED_DIRS {
            names.extend(NameLock::take(Path::new(dir), chain, &key).map_err(in_use)?);
        }
        let locked = match FileLock::take(file).map_err(FileError::io("lock", path))? {
            Ok(lock) => Some(lock),
            Err(_) if planted!("key-file-unlocked") => None,
            Err(_) => return Err(in_use(Holder::default())),
        };
        Ok((secret, Self { _names: names, _file: locked }))
    }
}

impl NameLock {
    /// Locks the file for `key` in `dir`; `None` where there is none to be had.
    fn take(dir: &Path, chain: &Hash, key: &PublicKey) -> Result<Option<Self>, Holder> {
        loop {
            let Some((path, file)) = own_file_in(dir, chain, key) else { return Ok(None) };
            let Ok(taken) = FileLock::take_own(file) else { return Ok(None) };
            let lock = taken?;
            // Whoever ended in between has taken its file away: another one has the name now, or will have.
            if is_at(&lock.file, &path) {
                return Ok(Some(Self { path, _lock: lock }));
            }
        }
    }
}

impl Drop for NameLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path); // before it is unlocked; one that stays is used again
    }
}

/// Whether an open file is the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), path.symlink_metadata()) else {
        return planted!("removed-lock-counts");
    };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// The file in a directory for everybody that stands for a validator of this user's; `None` when there is none to be
/// had, or somebody else has taken its name.
fn own_file_in(dir: &Path, chain: &Hash, key: &PublicKey) -> Option<(PathBuf, File)> {
    let user = rustix::process::geteuid().as_raw();
    let path = dir.join(format!("wattle-validator-{user}-{}-{key}.lock", &chain.to_string()[..16]));
    let file = open_to_lock(&path).ok()?;
    let found = file.metadata().ok()?;
    // Others can lock a file that they can open; a second name may be a file of this user's that holds something.
    let private = found.is_file() && found.uid() == user && found.nlink() == 1 && found.mode() & 0o077 == 0;
    (private || planted!("shared-lock-of-anybody")).then_some((path, file))
}

#[cfg(test)]
#[path = "lock_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
