//! An operator's devices, read by their list.

use super::records::Device;
use crate::State;
use crate::keys;
use crate::modules::list::page;
use wattle_primitives::{Address, Hash};

/// An operator's devices by id, in the order of registration, from number `from`, at most `limit`.
#[must_use]
pub fn devices(state: &State, operator: &Address, from: u32, limit: usize) -> Vec<(Hash, Device)> {
    let count = state.read(keys::paygo_operator(operator)).map_or(0, |operator| operator.devices);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::device_index(operator, index)))
        .filter_map(|id| Some((id, state.read(keys::device(&id))?)))
        .collect()
}
