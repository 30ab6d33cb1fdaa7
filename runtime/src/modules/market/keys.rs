//! The market module's keys in state.

use super::records::Order;
use crate::key::{Key, tag};
use wattle_primitives::Hash;
use wattle_primitives::units::IntervalId;

/// An order that stands.
#[must_use]
pub fn order(id: &Hash) -> Key<Order> {
    Key::new(tag::ORDER).with(id.as_bytes())
}

/// Id of order number `index` for an interval.
#[must_use]
pub fn order_index(microgrid: &Hash, interval: IntervalId, index: u32) -> Key<Hash> {
    let key = Key::new(tag::ORDER_INDEX).with(microgrid.as_bytes());
    key.with(&interval.0.to_le_bytes()).with(&index.to_le_bytes())
}
