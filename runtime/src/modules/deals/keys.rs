//! The deals module's keys in state.

use super::records::{Acceptance, Deal};
use crate::key::{Key, tag};
use wattle_primitives::{Address, Hash};

/// A request for a deal, or the deal it became.
#[must_use]
pub fn deal(id: &Hash) -> Key<Deal> {
    Key::new(tag::DEAL).with(id.as_bytes())
}

/// An acceptance of a request.
#[must_use]
pub fn acceptance(request: &Hash, account: &Address) -> Key<Acceptance> {
    Key::new(tag::ACCEPTANCE).with(request.as_bytes()).with(account.as_bytes())
}

/// How many requests and deals the microgrid has open.
#[must_use]
pub fn deal_count(microgrid: &Hash) -> Key<u32> {
    Key::new(tag::DEAL_COUNT).with(microgrid.as_bytes())
}

/// Id of the request or deal at place `index` of the microgrid's list.
#[must_use]
pub fn deal_index(microgrid: &Hash, index: u32) -> Key<Hash> {
    Key::new(tag::DEAL_INDEX).with(microgrid.as_bytes()).with(&index.to_le_bytes())
}
