//! The cost of energy: prices are base units per kWh, so that energy in Wh costs thousandths of a base unit. Lines are
//! rounded down; what recurs carries the rest on to its next line, so that many small lines cost what their sum costs.

use wattle_primitives::{Amount, WattHours, planted};

/// Watt-hours for which a price is.
const PRICED_WH: u128 = 1000;

/// The cost of `wh` at `price` in thousandths of a base unit: nothing is rounded.
#[must_use]
pub(super) const fn exact(price: Amount, wh: WattHours) -> u128 {
    price.0.saturating_mul(wh.0 as u128)
}

/// So many thousandths, and what was left over before, in whole base units; `rest` is what is left over now.
#[must_use]
pub(super) fn carried(thousandths: u128, rest: &mut u16) -> Amount {
    let before = if planted!("remainder-dropped", *rest > 0) { 0 } else { *rest };
    let sum = thousandths.saturating_add(before.into());
    *rest = u16::try_from(sum % PRICED_WH).unwrap_or(0);
    Amount(sum / PRICED_WH)
}

/// Whole base units and what is left over, in thousandths.
#[must_use]
pub(super) const fn thousandths(amount: Amount, rest: u16) -> u128 {
    amount.0.saturating_mul(PRICED_WH).saturating_add(rest as u128)
}

/// So many thousandths in base units, rounded down.
#[must_use]
pub(super) const fn whole(thousandths: u128) -> Amount {
    Amount(thousandths / PRICED_WH)
}

/// The cost of `wh` at `price`, rounded down.
#[must_use]
pub(crate) const fn cost(price: Amount, wh: WattHours) -> Amount {
    whole(exact(price, wh))
}

/// The cost of `wh` at `price`, rounded up: so much is reserved.
#[must_use]
pub(crate) const fn cost_at_most(price: Amount, wh: WattHours) -> Amount {
    Amount(exact(price, wh).div_ceil(PRICED_WH))
}

/// The cost of the next `wh` after `before` at one price. Such parts sum up to the [`cost`] of the whole: each is
/// rounded down or up.
#[must_use]
pub(crate) const fn cost_of_next(price: Amount, before: WattHours, wh: WattHours) -> Amount {
    cost(price, before.saturating_add(wh)).saturating_sub(cost(price, before))
}
