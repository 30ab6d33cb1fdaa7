use super::readings::{fresh, is_believed, next};
use super::records::{LastReading, Microgrid};
use super::{METER, READING, meter, metering, operated};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, SigSink};
use std::collections::BTreeSet;
use wattle_primitives::call::energy::SubmitReadings;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::{Reading, SignedReading};
use wattle_primitives::{Address, Event, Hash, Reason, Weight, planted};

impl Action for SubmitReadings {
    fn check(&self) -> Result<(), Reason> {
        if self.readings.is_empty() { Err(Reason::OutOfRange) } else { Ok(()) }
    }

    fn signatures(&self, chain: &Hash, sink: &mut dyn SigSink) {
        self.readings.iter().for_each(|signed| push_reading(signed, chain, sink));
    }

    /// Readings cost by the meter and by the reading.
    fn weight(&self) -> Weight {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let meters: BTreeSet<Address> = self.readings.iter().map(|signed| signed.reading.meter).collect();
        let meters = count(meters.len()).saturating_mul(METER);
        Weight(count(self.readings.len()).saturating_mul(READING).saturating_add(meters))
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        self.readings.iter().for_each(|signed| submit(ctx, signed));
        Ok(())
    }
}

/// Hands out a reading's signature.
pub(crate) fn push_reading(signed: &SignedReading, chain: &Hash, sink: &mut dyn SigSink) {
    sink.push(&signed.key, &signed.reading.signing_bytes(chain), &signed.signature);
}

/// A reading that stands now; `manual` is who read the meter, if it did not sign itself.
pub(super) const fn accepted_event(
    meter: Address,
    last: &LastReading,
    manual: Option<Address>,
) -> EnergyEvent {
    let LastReading { seq, import_wh, export_wh, time_ms, .. } = *last;
    EnergyEvent::ReadingAccepted { meter, seq, import_wh, export_wh, time_ms, manual }
}

/// Takes a signed reading, or says why not.
fn submit(ctx: &mut Ctx<'_>, signed: &SignedReading) {
    let genuine = ctx.next_verdict() && Address::of_key(&signed.key) == signed.reading.meter;
    let Reading { meter, seq, .. } = signed.reading;
    let before = ctx.savepoint();
    let accepted = accept(ctx, &signed.reading, genuine);
    let accepted = accepted.and_then(|last| active(ctx, &meter).map(|()| last));
    let event = match accepted {
        Ok(last) => Event::Energy(accepted_event(meter, &last, None)),
        Err(reason) => {
            ctx.rollback(before);
            Event::Energy(EnergyEvent::ReadingRefused { meter, seq, reason })
        }
    };
    ctx.emit(event);
}

/// Refuses a meter that is suspended: only somebody who goes there ends that.
pub(super) fn active(ctx: &mut Ctx<'_>, address: &Address) -> Result<(), Reason> {
    let suspended = meter(ctx, address)?.suspended_ms.is_some();
    if suspended && !planted!("suspended-meter-reads") { Err(Reason::MeterSuspended) } else { Ok(()) }
}

/// A meter's closing reading: the last one that the chain has taken, if it is no older than an interval, or one that it
/// takes now. What its light node reads goes to the chain by itself.
pub(super) fn closing(
    ctx: &mut Ctx<'_>,
    signed: &SignedReading,
    grid: &Microgrid,
) -> Result<LastReading, Reason> {
    let (reading, now) = (&signed.reading, ctx.time_ms());
    let genuine = ctx.next_verdict() && Address::of_key(&signed.key) == reading.meter;
    let taken = meter(ctx, &reading.meter)?.last.filter(|last| {
        let fresh = fresh(last.effective_ms, grid.interval_ms, now).is_ok();
        genuine && fresh && !last.manual && last.seq == reading.seq
    });
    if let Some(last) = taken {
        return Ok(last);
    }
    let last = accept(ctx, reading, genuine)?;
    ctx.emit(accepted_event(reading.meter, &last, None));
    Ok(last)
}

/// Takes a reading, `genuine` if its meter's key signed it, or says why not.
pub(super) fn accept(ctx: &mut Ctx<'_>, reading: &Reading, genuine: bool) -> Result<LastReading, Reason> {
    if !genuine {
        return Err(Reason::BadSignature);
    }
    let mut meter = meter(ctx, &reading.meter)?;
    // Nobody else may send it: whoever sees a backlog on its way could send the newest reading first, and make those
    // before it worthless.
    let sender = ctx.on_behalf_of();
    if sender != reading.meter
        && sender != meter.owner
        && operated(ctx, &meter.microgrid).is_err()
        && !planted!("reading-by-anybody")
    {
        return Err(Reason::NotAllowed);
    }
    if meter.last.is_some_and(|last| reading.seq <= last.seq) && !planted!("reading-replayed") {
        return Err(Reason::DuplicateReading);
    }
    let now = ctx.time_ms();
    let next = next(&meter, reading, now)?;
    let dated = meter.last.is_some_and(|last| is_believed(reading, &last, now));
    metering::take(ctx, &reading.meter, &meter, &next, dated)?;
    meter.last = Some(next);
    ctx.state.write(keys::meter(&reading.meter), &meter);
    Ok(next)
}
