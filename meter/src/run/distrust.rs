//! Remembers over restarts that the operating system's clock was found to be wrong.
//!
//! A clock that nobody sets and that stands years ahead would end trust at each start, before any header can show that
//! it is wrong.

use std::path::Path;
use wattle_host::FileError;

const FILE: &str = "clock-is-wrong";

/// Whether it was found to be wrong.
pub(super) fn is_kept(dir: &Path) -> bool {
    crate::files::read(&dir.join(FILE)).is_some()
}

/// Keeps the finding for the next start. Nothing is written when nothing has changed.
///
/// # Errors
/// The disk's.
pub(super) fn keep(dir: &Path, wrong: bool) -> Result<(), FileError> {
    let path = dir.join(FILE);
    match (wrong, path.exists()) {
        (true, false) => crate::files::replace(&path, "this computer's clock ran ahead of the chain", 0o600),
        (false, true) => wattle_host::file::remove(&path),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "distrust_tests.rs"]
mod tests;
