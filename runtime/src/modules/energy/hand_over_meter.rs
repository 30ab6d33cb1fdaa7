//! A meter gets another owner.
//!
//! Its closing reading is the old owner's, everything beyond it the new one's: what is estimated ends with it, and the
//! new owner's estimates begin anew. What the meter showed in intervals that are not settled stays the old owner's
//! ([`Handed`]); of the interval under way its part is booked at once. The old owner's deals count nothing of the meter
//! any more, and the bills of its time it can still dispute.

use super::profile::Profile;
use super::records::{Handed, Interval, Meter};
use super::retire_meter::{close, engaged};
use super::submit_readings::{active, closing, push_reading};
use super::{METER, READING, mandate, meter, operated, readings, tab};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, SigSink, weights};
use wattle_primitives::call::energy::HandOverMeter;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::MeterRole;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Hash, Reason, Weight, planted};

impl Action for HandOverMeter {
    fn check(&self) -> Result<(), Reason> {
        if self.closing.reading.meter == self.meter { Ok(()) } else { Err(Reason::BadEvidence) }
    }

    fn signatures(&self, chain: &Hash, sink: &mut dyn SigSink) {
        push_reading(&self.closing, chain, sink);
    }

    fn weight(&self) -> Weight {
        Weight((METER + 2 * READING).saturating_add(weights::keys(12).0))
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Closes the meter for its old owner as read now. Nobody is handed a meter, or loses one, without its mandate to
    /// the operator who sends this: a mandate to the operator is no consent to what other members send.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (address, to) = (&self.meter, self.to);
        let Meter { microgrid: id, owner: from, .. } = meter(ctx, address)?;
        let grid = operated(ctx, &id)?;
        if to == from {
            return Err(Reason::SameAccount);
        }
        tab::member(ctx, &id, &to)?;
        mandate::require(ctx, &id, &from)?;
        mandate::require(ctx, &id, &to)?;
        active(ctx, address)?;
        let last = closing(ctx, &self.closing, &grid)?;
        // Energy that flowed since would be the new owner's.
        readings::fresh(last.effective_ms, grid.interval_ms, ctx.time_ms())?;
        let mut meter = meter(ctx, address)?;
        close(ctx, address, &mut meter, last)?;
        let interval = grid.interval_at(ctx.time_ms());
        part_with(ctx, address, &meter, interval)?;
        engaged(ctx, &meter, |member| member.meters = member.meters.saturating_sub(1))?;
        meter.owner = to;
        engaged(ctx, &meter, |member| member.meters = member.meters.saturating_add(1))?;
        ctx.state.write(keys::meter(address), &meter);
        let (import_wh, export_wh) = (last.import_wh, last.export_wh);
        ctx.emit(EnergyEvent::MeterHandedOver {
            microgrid: id,
            meter: *address,
            from,
            to,
            import_wh,
            export_wh,
        });
        Ok(())
    }
}

/// Leaves with a meter's owner what the meter has shown of intervals that are not settled, once all that belonged to
/// the owner before it is.
fn part_with(
    ctx: &mut Ctx<'_>,
    address: &Address,
    meter: &Meter,
    interval: IntervalId,
) -> Result<(), Reason> {
    let key = keys::settled_meter(address);
    let Some(mut settled) = ctx.state.read(key) else { return Ok(()) };
    if settled.handed.is_some_and(|handed| settled.until < handed.interval) {
        return Err(Reason::MemberEngaged);
    }
    if meter.role == MeterRole::Sub && !planted!("old-use-handed-over") {
        book_slice(ctx, address, meter, interval)?;
    }
    settled.profile = Profile::default();
    settled.handed = Some(Handed { from: meter.owner, interval });
    ctx.state.write(key, &settled);
    Ok(())
}

/// Books what a member's meter has shown of the interval under way to its owner.
fn book_slice(
    ctx: &mut Ctx<'_>,
    address: &Address,
    meter: &Meter,
    interval: IntervalId,
) -> Result<(), Reason> {
    let key = keys::slice(address, interval);
    let Some(slice) = ctx.state.read(key) else { return Ok(()) };
    ctx.state.remove(key);
    let id = &meter.microgrid;
    let key = keys::interval(id, interval);
    let mut record: Interval = ctx.state.read(key).unwrap_or_default();
    record.subs.import_wh = record.subs.import_wh.saturating_add(slice.import_wh);
    record.subs.export_wh = record.subs.export_wh.saturating_add(slice.export_wh);
    ctx.state.write(key, &record);
    let code = tab::member(ctx, id, &meter.owner)?.code;
    let key = keys::position(id, interval, code);
    let mut position = ctx.state.read(key).unwrap_or_default();
    position.import_wh = position.import_wh.saturating_add(slice.import_wh);
    position.export_wh = position.export_wh.saturating_add(slice.export_wh);
    position.beyond_wh = position.beyond_wh.saturating_add(slice.beyond_wh);
    ctx.state.write(key, &position);
    Ok(())
}
