//! Tokens by a file in the data directory, as other orders come.
//!
//! The file holds the digits, in a directory that nobody but its owner and root can enter, until the order is obeyed.
//! The answer to it stands in the device's state under the order's id, so that an order that was obeyed just before a
//! power cut is not obeyed again.

use serde::{Deserialize, Serialize};
use std::path::Path;
use wattle_host::{FileError, causes};
use wattle_primitives::Hash;

const FILE: &str = "token.order";

/// A token that somebody typed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Random id.
    pub(crate) id: Hash,
    /// As it was typed.
    pub(crate) digits: String,
}

/// Lays an order into `dir`. Durable on return; a later one replaces it.
///
/// # Errors
/// [`FileError`].
pub(crate) fn give(dir: &Path, order: &Order) -> Result<(), FileError> {
    let path = dir.join(FILE);
    let text = serde_json::to_string(order).map_err(|e| FileError::io("write", &path)(e.into()))?;
    crate::files::replace(&path, &text, 0o644) // root's must be readable for the directory's owner
}

/// Whether an order waits in `dir`, or is being obeyed.
pub(crate) fn is_given(dir: &Path) -> bool {
    crate::files::is_laid(&dir.join(FILE))
}

/// The order that waits in `dir`, set aside until [`done`].
pub(crate) fn waiting(dir: &Path) -> Option<Order> {
    let aside = match crate::files::claim(&dir.join(FILE)) {
        Ok(aside) => aside?,
        Err(error) => {
            tracing::error!(error = causes(&error), "the typed token cannot be taken");
            return None;
        }
    };
    let order = crate::files::read(&aside).and_then(|text| serde_json::from_str(&text).ok());
    if order.is_none() {
        tracing::error!("the typed token is damaged: type it again");
        let _ = done(dir); // reported when the next order cannot be removed either
    }
    order
}

/// The order is obeyed, and durably so.
pub(crate) fn done(dir: &Path) -> Result<(), FileError> {
    wattle_host::file::remove(&crate::files::claimed(&dir.join(FILE)))
}
