use super::records::{LastReading, Member, Meter};
use super::submit_readings::{closing, push_reading};
use super::{METER, READING, meter, metering, microgrid, operated, readings, tab};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, SigSink};
use wattle_primitives::call::energy::RetireMeter;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Address, Hash, Reason, Weight};

impl Action for RetireMeter {
    fn check(&self) -> Result<(), Reason> {
        let other = |reading: &wattle_primitives::reading::Reading| reading.meter != self.meter;
        if self.closing.as_ref().is_some_and(|signed| other(&signed.reading)) {
            return Err(Reason::BadEvidence);
        }
        Ok(())
    }

    fn signatures(&self, chain: &Hash, sink: &mut dyn SigSink) {
        self.closing.iter().for_each(|signed| push_reading(signed, chain, sink));
    }

    fn weight(&self) -> Weight {
        Weight(METER + 2 * READING)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let microgrid = meter(ctx, &self.meter)?.microgrid;
        let grid = operated(ctx, &microgrid)?;
        if let Some(signed) = &self.closing {
            closing(ctx, signed, &grid)?;
        }
        let mut meter = meter(ctx, &self.meter)?;
        if let Some(last) = meter.last {
            let silent_ms = ctx.time_ms().saturating_sub(last.effective_ms);
            if self.closing.is_none() && silent_ms.0 < readings::KEPT_MS {
                return Err(Reason::ReadingRequired); // its light node may still hold what it exported
            }
            close(ctx, &self.meter, &mut meter, last)?;
        }
        meter.retired_ms = Some(ctx.time_ms());
        engaged(ctx, &meter, |member| member.meters = member.meters.saturating_sub(1))?;
        ctx.state.write(keys::meter(&self.meter), &meter);
        let LastReading { import_wh, export_wh, .. } = meter.last.unwrap_or_default();
        let (meter, owner) = (self.meter, meter.owner);
        ctx.emit(EnergyEvent::MeterRetired { microgrid, meter, owner, import_wh, export_wh });
        Ok(())
    }
}

/// Closes a meter with the counters of `closing`, as if they were read now: nothing of it is estimated any more. The
/// caller writes its record.
pub(super) fn close(
    ctx: &mut Ctx<'_>,
    address: &Address,
    meter: &mut Meter,
    closing: LastReading,
) -> Result<(), Reason> {
    let now = ctx.time_ms();
    let closing = LastReading { effective_ms: now, block_time_ms: now, ..closing };
    metering::take(ctx, address, meter, &closing, true)?;
    meter.last = Some(closing);
    reinstate(ctx, meter)
}

/// Ends a meter's suspension, if it was suspended. The caller writes its record.
pub(super) fn reinstate(ctx: &mut Ctx<'_>, meter: &mut Meter) -> Result<(), Reason> {
    if meter.suspended_ms.take().is_none() {
        return Ok(());
    }
    let mut member = tab::member(ctx, &meter.microgrid, &meter.owner)?;
    member.suspended = member.suspended.saturating_sub(1);
    ctx.state.write(keys::member(&meter.microgrid, &meter.owner), &member);
    Ok(())
}

/// Changes the record of a meter's owner, who has a part in the interval that is running.
pub(super) fn engaged(
    ctx: &mut Ctx<'_>,
    meter: &Meter,
    change: impl FnOnce(&mut Member),
) -> Result<(), Reason> {
    let grid = microgrid(ctx, &meter.microgrid)?;
    let interval = grid.interval_at(ctx.time_ms());
    let mut member = tab::engage(ctx, &meter.microgrid, &meter.owner, interval)?;
    change(&mut member);
    ctx.state.write(keys::member(&meter.microgrid, &meter.owner), &member);
    Ok(())
}
