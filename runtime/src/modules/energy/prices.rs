//! The cost of energy: prices are base units per kWh.

use wattle_primitives::{Amount, WattHours};

/// Watt-hours for which a price is.
const PRICED_WH: u128 = 1000;

/// The cost of `wh` at `price`, rounded down.
#[must_use]
pub(crate) const fn cost(price: Amount, wh: WattHours) -> Amount {
    Amount(price.0.saturating_mul(wh.0 as u128) / PRICED_WH)
}

/// The cost of `wh` at `price`, rounded up: so much is reserved.
#[must_use]
pub(crate) const fn cost_at_most(price: Amount, wh: WattHours) -> Amount {
    Amount(price.0.saturating_mul(wh.0 as u128).div_ceil(PRICED_WH))
}

/// The cost of the next `wh` after `before` at one price. Such parts sum up to the [`cost`] of the whole: each is
/// rounded down or up.
#[must_use]
pub(crate) const fn cost_of_next(price: Amount, before: WattHours, wh: WattHours) -> Amount {
    cost(price, before.saturating_add(wh)).saturating_sub(cost(price, before))
}
