//! The disputes module's keys in state.

use super::records::Dispute;
use crate::key::{Key, tag};
use wattle_primitives::Hash;

/// How many disputes the microgrid has open.
#[must_use]
pub fn dispute_count(microgrid: &Hash) -> Key<u32> {
    Key::new(tag::DISPUTE_COUNT).with(microgrid.as_bytes())
}

/// Id of the dispute at place `index` of the microgrid's list.
#[must_use]
pub fn dispute_index(microgrid: &Hash, index: u32) -> Key<Hash> {
    Key::new(tag::DISPUTE_INDEX).with(microgrid.as_bytes()).with(&index.to_le_bytes())
}

/// A dispute that is not decided.
#[must_use]
pub fn dispute(id: &Hash) -> Key<Dispute> {
    Key::new(tag::DISPUTE).with(id.as_bytes())
}
