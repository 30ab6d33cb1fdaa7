//! Microgrids, meters, members and terms, read by their indices.

use super::records::{Member, Meter, Microgrid, TermsRecord};
use super::tab::{self, Customer};
use super::terms;
use crate::State;
use crate::keys;
use crate::modules::list::page;
use crate::overlay::Overlay;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Hash};

/// How many microgrids there are.
#[must_use]
pub fn microgrid_count(state: &State) -> u32 {
    state.read(keys::counters()).map_or(0, |counters| counters.microgrids)
}

/// Microgrids in the order of registration, from position `from`, at most `limit`.
#[must_use]
pub fn microgrids(state: &State, from: u32, limit: usize) -> Vec<(Hash, Microgrid)> {
    page(from, microgrid_count(state), limit)
        .filter_map(|index| state.read(keys::microgrid_index(index)))
        .filter_map(|id| Some((id, state.read(keys::microgrid(&id))?)))
        .collect()
}

/// A microgrid's meters in the order of registration, from position `from`, at most `limit`.
#[must_use]
pub fn meters(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<(Address, Meter)> {
    let count = state.read(keys::microgrid(id)).map_or(0, |grid| grid.meters);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::meter_index(id, index)))
        .filter_map(|address| Some((address, state.read(keys::meter(&address))?)))
        .collect()
}

/// A microgrid's members in the order in which they joined, from position `from`, at most `limit` positions; who has
/// left leaves a hole. The operator is the first.
#[must_use]
pub fn members(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<Option<(Address, Member)>> {
    let count = state.read(keys::microgrid(id)).map_or(0, |grid| grid.members);
    let at = |index: u32| {
        let account = state.read(keys::member_index(id, index.checked_add(tab::OPERATOR)?))?;
        Some((account, state.read(keys::member(id, &account))?))
    };
    page(from, count, limit).map(at).collect()
}

/// A member's accounts in its microgrid's book.
#[must_use]
pub fn customer(state: &State, grid: &Microgrid, code: u32) -> Customer {
    Customer::of(&mut Overlay::new(state), grid, code)
}

/// The terms that hold for an interval, and the number of their version; `None` before the first.
#[must_use]
pub fn terms_at(state: &State, id: &Hash, interval: IntervalId) -> Option<(u32, TermsRecord)> {
    let versions = state.read(keys::microgrid(id))?.terms;
    let record = |version| state.read(keys::terms(id, version));
    let version = terms::holding(versions, interval, |version| Some(record(version)?.from))?;
    Some((version, record(version)?))
}
