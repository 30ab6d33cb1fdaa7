//! Prepaid meters: their import as far as credit has paid it.
//!
//! A meter is prepaid while a pay-as-you-go device counts the energy behind it. What it measures is paid from the
//! device's credit first, as far as that goes: with the settlement of its interval, as energy bought from the operator;
//! and of time that is settled, with the adjustment. So none of it is billed, what others delivered for it the operator
//! owes them as ever, and what was used beyond the credit settles as if there were none. An estimate takes no credit: a
//! reading may show that it was wrong.

use super::metering::settled;
use super::records::{Meter, Position};
use super::tab::OPERATOR;
use crate::keys;
use crate::modules::{Ctx, paygo};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Hash, WattHours, planted};

/// Keys of paying for a meter's part of an interval: its device's credit, the operator's position.
pub(super) const DRAW_KEYS: u64 = paygo::DRAW_KEYS + 1;
/// Intervals that are looked at for what waits to be settled.
const WAITING_MAX: u64 = 8;
/// Keys of looking for what waits: the meter, how far it is settled, the microgrid, its open interval, slices.
pub(crate) const WAITING_KEYS: u64 = 4 + WAITING_MAX;

/// Has a meter's import paid by a device's credit, or by none.
pub(crate) fn set_device(ctx: &mut Ctx<'_>, meter: &Address, device: Option<Hash>) {
    let key = keys::meter(meter);
    if let Some(mut meter) = ctx.state.read(key) {
        meter.device = device;
        ctx.state.write(key, &meter);
    }
}

/// Pays for measured import of a member's meter in an interval, and notes it in the member's position and the
/// operator's. What the member has bought otherwise is not paid again. Returns how much changed hands so.
pub(super) fn settle(
    ctx: &mut Ctx<'_>,
    (id, interval): (&Hash, IntervalId),
    meter: &Meter,
    code: u32,
    position: &mut Position,
    import: WattHours,
) -> WattHours {
    let Some(device) = meter.device else { return WattHours::ZERO };
    let bought = position.bought_wh.saturating_sub(position.import_wh);
    let wh = paygo::draw(ctx, &device, import.saturating_sub(bought));
    if wh == WattHours::ZERO || planted!("credit-billed-again") {
        return WattHours::ZERO;
    }
    position.bought_wh = position.bought_wh.saturating_add(wh);
    position.drawn_wh = position.drawn_wh.saturating_add(wh);
    if code == OPERATOR {
        position.sold_wh = position.sold_wh.saturating_add(wh);
    } else {
        let key = keys::position(id, interval, OPERATOR);
        let mut operator = ctx.state.read(key).unwrap_or_default();
        operator.sold_wh = operator.sold_wh.saturating_add(wh);
        ctx.state.write(key, &operator);
    }
    wh
}

/// Import of a meter that readings have shown and nothing has settled yet, as far as the newest intervals hold it.
pub(crate) fn waiting(ctx: &mut Ctx<'_>, address: &Address) -> WattHours {
    let Some(meter) = ctx.state.read(keys::meter(address)) else { return WattHours::ZERO };
    let Some(grid) = ctx.state.read(keys::microgrid(&meter.microgrid)) else { return WattHours::ZERO };
    let Some((agenda, last)) = grid.agenda.zip(meter.last) else { return WattHours::ZERO };
    let newest = grid.interval_at(last.effective_ms).0;
    let oldest = settled(ctx, &meter.microgrid, &agenda, address).until.0;
    let from = newest.saturating_sub(WAITING_MAX.saturating_sub(1)).max(oldest);
    (from..=newest).fold(WattHours::ZERO, |sum, interval| {
        let slice = ctx.state.read(keys::slice(address, IntervalId(interval))).unwrap_or_default();
        sum.saturating_add(slice.import_wh)
    })
}
