//! Orders of the operator, by a file in the data directory.
//!
//! A file needs no port: whoever may write into the directory, which is its owner's and root's alone, may give orders,
//! and nobody else; no page in a browser and no other user of the computer can. An order that is given while the
//! light node does not run is obeyed at its next start.

use super::machine::Order;
use std::path::Path;
use wattle_host::{FileError, causes};

const FILE: &str = "relay.order";

/// Lays an order into `dir`. Durable on return; a later one replaces it.
///
/// # Errors
/// [`FileError`].
pub(crate) fn give(dir: &Path, order: Order) -> Result<(), FileError> {
    let path = dir.join(FILE);
    let text = serde_json::to_string(&order).map_err(|e| FileError::io("write", &path)(e.into()))?;
    crate::files::replace(&path, &text, 0o644)
}

/// Whether an order waits in `dir`, or is being obeyed.
#[must_use]
pub(crate) fn is_given(dir: &Path) -> bool {
    crate::files::is_laid(&dir.join(FILE))
}

/// The order that waits in `dir`. It is set aside, so that one that is given meanwhile waits for its turn, and stays
/// there until [`done`].
pub(crate) fn waiting(dir: &Path) -> Option<Order> {
    let aside = match crate::files::claim(&dir.join(FILE)) {
        Ok(aside) => aside?,
        Err(error) => {
            tracing::error!(error = causes(&error), "the order for the relay cannot be taken");
            return None;
        }
    };
    let order = crate::files::read(&aside).and_then(|text| serde_json::from_str(&text).ok());
    if order.is_none() {
        tracing::error!("the order for the relay is damaged: give it again");
        let _ = done(dir); // reported when the next order cannot be removed either
    }
    order
}

/// The order is obeyed, and durably so.
pub(crate) fn done(dir: &Path) -> Result<(), FileError> {
    wattle_host::file::remove(&crate::files::claimed(&dir.join(FILE)))
}
