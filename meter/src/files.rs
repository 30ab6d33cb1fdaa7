//! Small files that are replaced as a whole: a checksum on the first line, then the text.
//!
//! Others than the light node lay files into its directory, root among them, and at the same time. So each replacement goes
//! through a new file with a name of its own, that nobody can have made beforehand; and an order is claimed by renaming it
//! before it is read, so that one that is laid meanwhile is not taken for the one that was obeyed.

use crate::wear::{PAGE_BYTES, page_bytes};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// End of the names of files that are being written.
const UNFINISHED: &str = "new";
/// End of the names of orders that are being obeyed.
const CLAIMED: &str = "claimed";
/// Nobody writes a small file for so long: one that is older was left by a crash.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// The text of a file that is whole; `None` when there is none or it is damaged.
pub(crate) fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let (sum, text) = text.split_once('\n')?;
    (blake3::hash(text.as_bytes()).to_hex().as_str() == sum).then(|| text.to_owned())
}

/// Replaces a file. After a power cut there is the old one or the new one.
///
/// # Errors
/// What the disk says; then the old one stands.
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{UNFINISHED}", hex::encode(random)));
    let temporary = path.with_file_name(name);
    // Never a file or a link that is there already.
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    let replaced = fill(file, text, mode).and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&temporary); // on a full disk it would keep others from their room
    }
    replaced?;
    sync_dir(path)
}

fn fill(mut file: File, text: &str, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))?; // whatever the umask
    writeln!(file, "{}", blake3::hash(text.as_bytes()).to_hex())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_dir(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

/// Removes what crashes have left unfinished in `dir`. Whatever cannot be removed does no harm.
pub(crate) fn clean(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let unfinished = path.extension().is_some_and(|extension| extension == UNFINISHED);
        let written = entry.metadata().ok().filter(fs::Metadata::is_file).and_then(|m| m.modified().ok());
        let Some(written) = written.filter(|_| unfinished) else { continue };
        // One from the future is as old as any: the clock was set back.
        if SystemTime::now().duration_since(written).is_ok_and(|age| age < STALE_AFTER) {
            continue;
        }
        if fs::remove_file(&path).is_ok() {
            tracing::info!(path = %path.display(), "unfinished file removed");
        }
    }
}

/// Where an order that was laid at `path` is while it is obeyed.
pub(crate) fn claimed(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(CLAIMED);
    path.with_file_name(name)
}

/// Takes the order at `path` aside, and returns where it is: also one that was claimed before a crash and not removed
/// since. A newer one replaces it. `None` when there is none.
///
/// # Errors
/// What the disk says.
pub(crate) fn claim(path: &Path) -> io::Result<Option<PathBuf>> {
    let aside = claimed(path);
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(aside.exists().then_some(aside)),
        other => other.map(|()| Some(aside)),
    }
}

/// Whether an order waits at `path` or is being obeyed.
pub(crate) fn is_laid(path: &Path) -> bool {
    // In this order: between the two looks it may be claimed, and not the other way round.
    path.exists() || claimed(path).exists()
}

/// Removes a file; none need be there.
///
/// # Errors
/// What the disk says.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the disk has no room, or the process may not take any: that passes.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Bytes of the pages that [`replace`] writes for a text: the file's, and the directory's.
pub(crate) const fn written_bytes(text: &str) -> u64 {
    page_bytes(0, text.len() as u64).saturating_add(PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn files_of_one_stem_are_replaced_at_the_same_time() {
        let dir = crate::tests::chain::memory_dir();
        let (order, state) = (dir.path().join("relay.order"), dir.path().join("relay.json"));
        std::thread::scope(|scope| {
            for (path, text) in [(&order, "an order"), (&state, "a position")] {
                scope.spawn(move || {
                    for _ in 0..200 {
                        replace(path, text, 0o600).unwrap();
                        assert_eq!(read(path).as_deref(), Some(text));
                    }
                });
            }
        });
        assert_eq!(names(dir.path()), ["relay.json", "relay.order"]);
    }

    #[test]
    fn a_link_laid_beforehand_is_not_followed_and_leftovers_go() {
        let dir = crate::tests::chain::memory_dir();
        let (path, victim) = (dir.path().join("relay.order"), dir.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("relay.new")).unwrap();
        replace(&path, "text", 0o644).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        let young = dir.path().join("head.json.00.new");
        let old = dir.path().join("head.json.01.new");
        let future = dir.path().join("head.json.02.new");
        let now = SystemTime::now();
        for (leftover, at) in [(&young, now), (&old, now - STALE_AFTER * 2), (&future, now + STALE_AFTER * 2)]
        {
            File::create(leftover).unwrap().set_modified(at).unwrap();
        }
        clean(dir.path());
        assert!(young.exists(), "somebody may be writing it");
        assert!(!old.exists() && !future.exists() && victim.exists() && path.exists());
    }

    #[test]
    fn an_order_laid_while_another_is_obeyed_is_not_lost() {
        let dir = crate::tests::chain::memory_dir();
        let path = dir.path().join("relay.order");
        assert_eq!(claim(&path).unwrap(), None);
        replace(&path, "first", 0o644).unwrap();
        let aside = claim(&path).unwrap().unwrap();
        assert_eq!(read(&aside).as_deref(), Some("first"));
        replace(&path, "second", 0o644).unwrap();
        remove(&aside).unwrap();
        assert!(is_laid(&path));
        assert_eq!(read(&claim(&path).unwrap().unwrap()).as_deref(), Some("second"));
        // A crash before it was removed: it is claimed once more.
        assert_eq!(read(&claim(&path).unwrap().unwrap()).as_deref(), Some("second"));
        assert!(is_laid(&path));
        remove(&claimed(&path)).unwrap();
        assert!(!is_laid(&path) && claim(&path).unwrap().is_none());
    }
}
