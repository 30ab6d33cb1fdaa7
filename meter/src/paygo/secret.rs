//! The OpenPAYGO secret, from a file that is its owner's alone.

use openpaygo::{Secret, SecretError};
use std::path::{Path, PathBuf};
use wattle_host::key::{self, KeyError};

/// Longest file in bytes: key, starting code, and some white space.
const FILE_BYTES_MAX: u64 = 128;

/// Why there is no secret. Repeats nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] KeyError),
    /// It holds something else.
    #[error("{} does not hold a key and, on a second line, a starting code or nothing", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Fault of the content.
        #[source]
        source: SecretError,
    },
}

/// Reads a key of 32 hex digits and, on a line of its own, the starting code; without one it is derived from the key.
///
/// # Errors
/// [`SecretFileError`].
pub(crate) fn load(path: &Path) -> Result<Secret, SecretFileError> {
    let text = key::text(path, FILE_BYTES_MAX)?;
    Secret::from_text(&text).map_err(|source| SecretFileError::Content { path: path.to_owned(), source })
}
