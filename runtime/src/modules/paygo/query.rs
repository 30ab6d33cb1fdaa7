//! An operator's devices, read by their list; a device's tokens, read by their counts.

use super::records::{Device, TokenRecord};
use crate::State;
use crate::keys;
use crate::modules::PAGE_ITEMS_MAX;
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

/// A device's tokens that are kept, by falling count from `from` on, at most `limit`, of at most [`PAGE_ITEMS_MAX`]
/// counts; and the count to go on from, if that is not 0.
#[must_use]
pub fn device_tokens(
    state: &State,
    device: &Hash,
    from: u32,
    limit: usize,
) -> (Vec<(u32, TokenRecord)>, Option<u32>) {
    let (mut found, mut next) = (Vec::new(), from);
    for count in (1..=from).rev().take(PAGE_ITEMS_MAX) {
        if found.len() >= limit {
            break;
        }
        found.extend(state.read(keys::device_token(device, count)).map(|token| (count, token)));
        next = count.saturating_sub(1);
    }
    (found, Some(next).filter(|next| *next > 0))
}
