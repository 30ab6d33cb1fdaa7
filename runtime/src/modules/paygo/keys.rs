//! The paygo module's keys in state.

use super::records::{Operator, TokenRecord};
use crate::key::{Key, tag};
use wattle_primitives::{Address, Hash};

pub use wattle_primitives::state_key::device;

/// An operator of pay-as-you-go.
#[must_use]
pub fn paygo_operator(operator: &Address) -> Key<Operator> {
    Key::new(tag::PAYGO_OPERATOR).with(operator.as_bytes())
}

/// The operator's device number `index`.
#[must_use]
pub fn device_index(operator: &Address, index: u32) -> Key<Hash> {
    Key::new(tag::DEVICE_INDEX).with(operator.as_bytes()).with(&index.to_le_bytes())
}

/// A device's token with this count.
#[must_use]
pub fn device_token(device: &Hash, count: u32) -> Key<TokenRecord> {
    Key::new(tag::DEVICE_TOKEN).with(device.as_bytes()).with(&count.to_le_bytes())
}
