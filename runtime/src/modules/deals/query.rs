//! Open requests and deals, read by their list.

use super::records::{Acceptance, Deal};
use crate::State;
use crate::keys;
use crate::modules::list::page;
use wattle_primitives::{Address, Hash};

/// A microgrid's open requests and deals by id, from place `from` of its list, at most `limit`. The list has no gaps;
/// when one ends, the last takes its place.
#[must_use]
pub fn deals(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<(Hash, Deal)> {
    let count = state.read(keys::deal_count(id)).unwrap_or(0);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::deal_index(id, index)))
        .filter_map(|deal| Some((deal, state.read(keys::deal(&deal))?)))
        .collect()
}

/// The acceptances of a request that stand, in the order in which they came.
#[must_use]
pub fn acceptances(state: &State, id: &Hash, deal: &Deal) -> Vec<(Address, Acceptance)> {
    let acceptance = |account: &Address| Some((*account, state.read(keys::acceptance(id, account))?));
    deal.acceptors.iter().filter_map(acceptance).collect()
}
