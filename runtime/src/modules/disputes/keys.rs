//! The disputes module's keys in state.

use super::records::Dispute;
use crate::key::{Key, tag};
use wattle_primitives::Hash;

/// A dispute that is not decided.
#[must_use]
pub fn dispute(id: &Hash) -> Key<Dispute> {
    Key::new(tag::DISPUTE).with(id.as_bytes())
}
