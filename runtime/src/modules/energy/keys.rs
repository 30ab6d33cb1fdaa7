//! The energy module's keys in state.

use super::records::{Interval, Mandate, Position, SettledMeter, Slice};
use crate::key::{Key, tag};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, TimeMs};

pub use wattle_primitives::state_key::{member, meter, microgrid, terms};

/// Id of microgrid number `index`.
#[must_use]
pub fn microgrid_index(index: u32) -> Key<Hash> {
    Key::new(tag::MICROGRID_INDEX).with(&index.to_le_bytes())
}

/// The microgrid's meter number `index`.
#[must_use]
pub fn meter_index(microgrid: &Hash, index: u32) -> Key<Address> {
    Key::new(tag::METER_INDEX).with(microgrid.as_bytes()).with(&index.to_le_bytes())
}

/// The member whose tab has this code.
#[must_use]
pub fn member_index(microgrid: &Hash, code: u32) -> Key<Address> {
    Key::new(tag::MEMBER_INDEX).with(microgrid.as_bytes()).with(&code.to_le_bytes())
}

/// An owner's mandate to a microgrid's operator.
#[must_use]
pub fn mandate(microgrid: &Hash, owner: &Address) -> Key<Mandate> {
    Key::new(tag::MANDATE).with(microgrid.as_bytes()).with(owner.as_bytes())
}

/// How far a meter is settled.
#[must_use]
pub fn settled_meter(meter: &Address) -> Key<SettledMeter> {
    Key::new(tag::SETTLED_METER).with(meter.as_bytes())
}

/// A meter's energy in an interval that is not settled.
#[must_use]
pub fn slice(meter: &Address, interval: IntervalId) -> Key<Slice> {
    Key::new(tag::SLICE).with(meter.as_bytes()).with(&interval.0.to_le_bytes())
}

/// An interval with orders, trades, or settlement under way.
#[must_use]
pub fn interval(microgrid: &Hash, interval: IntervalId) -> Key<Interval> {
    Key::new(tag::INTERVAL).with(microgrid.as_bytes()).with(&interval.0.to_le_bytes())
}

/// A member's part of an interval.
#[must_use]
pub fn position(microgrid: &Hash, interval: IntervalId, code: u32) -> Key<Position> {
    let key = Key::new(tag::POSITION).with(microgrid.as_bytes());
    key.with(&interval.0.to_le_bytes()).with(&code.to_le_bytes())
}

/// Sum of the `escrow` of a microgrid's positions; absent when nothing.
#[must_use]
pub fn escrow(microgrid: &Hash) -> Key<Amount> {
    Key::new(tag::ESCROW).with(microgrid.as_bytes())
}

/// The last turn given to a microgrid of this operator that waits for its bandwidth.
#[must_use]
pub fn turn(operator: &Address) -> Key<TimeMs> {
    Key::new(tag::TURN).with(operator.as_bytes())
}
