//! Small files that are replaced as a whole: a checksum on the first line, then the text.
//!
//! Others than the light node lay files into its directory, root among them, and at the same time. So an order is
//! claimed by renaming it before it is read: one that is laid meanwhile is not taken for the one that was obeyed.

use crate::wear::{PAGE_BYTES, page_bytes};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wattle_host::FileError;
use wattle_host::file;

/// End of the names of orders that are being obeyed.
const CLAIMED: &str = "claimed";

/// The text of a file that is whole; `None` when there is none or it is damaged.
pub(crate) fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let (sum, text) = text.split_once('\n')?;
    (blake3::hash(text.as_bytes()).to_hex().as_str() == sum).then(|| text.to_owned())
}

/// Replaces a file. After a power cut there is the old one or the new one.
///
/// # Errors
/// [`FileError`].
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), FileError> {
    let sum = blake3::hash(text.as_bytes()).to_hex();
    file::replace(path, format!("{sum}\n{text}").as_bytes(), mode)
}

/// Removes what crashes have left unfinished in `dir`.
pub(crate) fn clean(dir: &Path) {
    for path in file::clean(dir) {
        tracing::info!(path = %path.display(), "unfinished file removed");
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
/// [`FileError::Io`].
pub(crate) fn claim(path: &Path) -> Result<Option<PathBuf>, FileError> {
    let aside = claimed(path);
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(aside.exists().then_some(aside)),
        other => other.map(|()| Some(aside)).map_err(FileError::io("rename", path)),
    }
}

/// Whether an order waits at `path` or is being obeyed.
pub(crate) fn is_laid(path: &Path) -> bool {
    // In this order: between the two looks it may be claimed, and not the other way round.
    path.exists() || claimed(path).exists()
}

/// Bytes of the pages that [`replace`] writes for a text: the file's, and the directory's.
pub(crate) const fn written_bytes(text: &str) -> u64 {
    page_bytes(0, text.len() as u64).saturating_add(PAGE_BYTES)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
