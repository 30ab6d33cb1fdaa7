//! Open disputes, read by their list.

use super::records::Dispute;
use crate::State;
use crate::keys;
use crate::modules::list::page;
use wattle_primitives::Hash;

/// A microgrid's disputes that are not decided by id, from place `from` of its list, at most `limit`. The list has no
/// gaps; when one ends, the last takes its place.
#[must_use]
pub fn disputes(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<(Hash, Dispute)> {
    let count = state.read(keys::dispute_count(id)).unwrap_or(0);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::dispute_index(id, index)))
        .filter_map(|dispute| Some((dispute, state.read(keys::dispute(&dispute))?)))
        .collect()
}
