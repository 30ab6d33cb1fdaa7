//! Files that are whole after a power cut, and files that are read with a limit.
//!
//! A file is written as a draft beside its place, under a name that nobody can have made beforehand; it is synced,
//! renamed, and its directory is synced. So a reader finds the old file or the new one, also when the power fails or
//! the disk is full, and several processes may write at the same time.
//!
//! A new file, such as a key, has no name at all before it is whole ([`create`]), where the file system can do that
//! (ext4, XFS, Btrfs, tmpfs): a crash leaves nothing of it. The draft of any other that a crash leaves is removed by
//! the next write of the same file, or by [`clean`].
//!
//! The crate `atomic-write-file` gives less: it always overwrites, which no key file may be, and what it leaves behind
//! cannot be told from other files.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Permission bits of a file that only its owner may read and write.
pub const PRIVATE: u32 = 0o600;

/// End of the names of drafts: `<file>.<16 hex digits>.new`.
const UNFINISHED: &str = "new";
/// Hex digits in the name of a draft.
const DRAFT_DIGITS: usize = 16;
/// Nobody writes a small file for so long: a draft that is older was left by a crash.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation.
        action: &'static str,
        /// Its file or directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It stands complete under its name, which the system could not make durable.
    #[error(
        "{} is there, but its directory cannot be synced, so a power cut may undo it: check the disk before you rely on it",
        path.display()
    )]
    NotSynced {
        /// The file or directory that was made.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read or change it.
    #[error("{} has mode {mode:04o}, which lets others in", path.display())]
    LooseMode {
        /// File or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is larger than anything that belongs there.
    #[error("{} has more than {bytes_max} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Most bytes that are read.
        bytes_max: u64,
    },
}

impl FileError {
    /// Makes an error of the system's: `.map_err(FileError::io("read", path))`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// Whether there was no room: that passes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } | Self::NotSynced { source, .. } if is_full(source))
    }
}

/// Writes a file with these permission bits, over any that is there. Durable on return.
///
/// # Errors
/// [`FileError::NotSynced`]; [`FileError::Io`], and then the old file stands.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    write_draft(path, bytes, mode, |draft| fs::rename(draft, path)).map_err(FileError::io("write", path))?;
    sync_parent(path)
}

/// Writes a file with these permission bits where none is. Durable on return.
///
/// # Errors
/// [`FileError::NotSynced`]; [`FileError::Io`], [`io::ErrorKind::AlreadyExists`] among them, and then nothing was
/// written.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    remove_drafts_of(path);
    let put = |draft: &Path| rename_new(draft, path);
    let written = write_nameless(path, bytes, mode)
        .and_then(|done| if done { Ok(()) } else { write_draft(path, bytes, mode, put) });
    written.map_err(FileError::io("create", path))?;
    // Btrfs before Linux 6.16 makes nothing of a file durable that had no name when it was synced: once more, by its
    // name.
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| FileError::NotSynced { path: path.to_owned(), source })?;
    sync_parent(path)
}

/// Writes a file that gets its name when it is whole and synced. Returns whether the system can do that here.
fn write_nameless(path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    // Any other fault shows when it is done the other way.
    let Ok(file) = rustix::fs::open(parent(path), flags, Mode::from_raw_mode(mode)) else { return Ok(false) };
    let file = File::from(file);
    fill(&file, bytes, mode)?;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    match rustix::fs::linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Err(Errno::EXIST.into()),
        Err(_) => Ok(false), // no /proc, or no links
    }
}

/// Writes a draft beside `path`, synced, and has `put` give it its name.
fn write_draft(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    put: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    remove_drafts_of(path);
    let mut random = [0; DRAFT_DIGITS / 2];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}.{UNFINISHED}", u64::from_le_bytes(random)));
    let draft = path.with_file_name(name);
    // Never a file or a link that is there already.
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    let written = fill(&file, bytes, mode).and_then(|()| put(&draft));
    if written.is_err() {
        let _ = fs::remove_file(&draft); // on a full disk it would keep others from their room
    }
    written
}

fn fill(mut file: &File, bytes: &[u8], mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))?; // whatever the umask
    file.write_all(bytes)?;
    file.sync_all()
}

fn rename_new(draft: &Path, path: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE) {
        // A file system that cannot do this, such as NFS, has links.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(draft, path)?;
            let _ = fs::remove_file(draft); // the file stands; what remains of the draft goes as a crash's does
            Ok(())
        }
        renamed => Ok(renamed?),
    }
}

/// The directory that holds `path`.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the name of a file or directory durable.
fn sync_parent(path: &Path) -> Result<(), FileError> {
    let synced = File::open(parent(path)).and_then(|dir| dir.sync_all());
    synced.map_err(|source| FileError::NotSynced { path: path.to_owned(), source })
}

/// Creates a directory that only its owner can enter, and those above it. Durable on return.
///
/// # Errors
/// [`FileError::Io`], [`FileError::NotSynced`].
pub fn create_dir(path: &Path) -> Result<(), FileError> {
    let missing = path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.is_dir());
    let missing: Vec<&Path> = missing.collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(FileError::io("create", path))?;
    missing.into_iter().rev().try_for_each(sync_parent)
}

/// Removes the drafts that crashes have left in `dir`, and returns them. One that cannot be removed does no harm.
pub fn clean(dir: &Path) -> Vec<PathBuf> {
    remove_stale(dir, |_| true)
}

fn remove_drafts_of(path: &Path) {
    remove_stale(parent(path), |written_for| Some(written_for) == path.file_name());
}

/// Removes old drafts of files whose names are `wanted`.
///
/// Safe beside other processes: a draft's name is used once, so what is removed here is never a file that stands. A
/// process that was stopped for so long while it wrote is refused its rename, and the old file stands.
fn remove_stale(dir: &Path, wanted: impl Fn(&OsStr) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let stale = |path: &PathBuf| {
        if !draft_of(path).is_some_and(&wanted) {
            return false; // nothing else is looked at: it may lie behind a mount that does not answer
        }
        let metadata = path.symlink_metadata().ok().filter(|found| found.is_file());
        let Some(written) = metadata.and_then(|found| found.modified().ok()) else { return false };
        // One from the future is as old as any: the clock was set back.
        !SystemTime::now().duration_since(written).is_ok_and(|age| age < STALE_AFTER)
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.filter(stale).filter(|path| fs::remove_file(path).is_ok()).collect()
}

/// The name of the file that a draft was written for; `None` for what is no draft.
fn draft_of(path: &Path) -> Option<&OsStr> {
    let unfinished = path.extension().is_some_and(|extension| extension == UNFINISHED);
    let numbered = path.file_stem().filter(|_| unfinished).map(Path::new)?;
    let digits = numbered.extension()?.as_encoded_bytes();
    let random = digits.len() == DRAFT_DIGITS && digits.iter().all(u8::is_ascii_hexdigit);
    numbered.file_stem().filter(|_| random)
}

/// Removes a file; none need be there.
///
/// # Errors
/// [`FileError::Io`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Reads a file of at most `bytes_max`, and when it holds a secret (`private`) only if nobody else can.
///
/// # Errors
/// [`FileError`].
pub fn read(path: &Path, bytes_max: u64, private: bool) -> Result<Vec<u8>, FileError> {
    let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| FileError::io("open", path)(e.into()))?;
    let file = File::from(fd);
    if private {
        // Of the opened file, so that it cannot be exchanged in between.
        check_private(path, &file.metadata().map_err(FileError::io("read", path))?)?;
    }
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > bytes_max) {
        return Err(FileError::TooLong { path: path.to_owned(), bytes_max });
    }
    Ok(bytes)
}

/// Refuses a file or directory that group or others may read, write or enter.
///
/// # Errors
/// [`FileError::LooseMode`].
pub fn check_private(path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    let mode = metadata.permissions().mode() & 0o7777;
    let regular = metadata.is_file() || metadata.is_dir(); // a pipe has no lasting mode worth checking
    if regular && mode & 0o077 != 0 {
        return Err(FileError::LooseMode { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Whether the disk has no room, or the process may not take any: that passes.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
