//! Readings: which count, and when they are taken to have been read.
//!
//! A reading counts when its meter's key signed it, its number is higher than the last one's and neither counter is
//! lower, roll-overs aside. Each has its own result in the events: one that is refused never blocks those behind it.

use crate::keys;
use crate::modules::Ctx;
use crate::modules::records::{LastReading, Meter};
use wattle_primitives::reading::{Reading, SignedReading};
use wattle_primitives::{Address, Event, Reason, TimeMs, planted};

/// Takes a signed reading, or says why not.
pub(super) fn submit(ctx: &mut Ctx<'_>, signed: &SignedReading) {
    let genuine = ctx.next_verdict() && Address::of_key(&signed.key) == signed.reading.meter;
    let Reading { meter, seq, time_ms, .. } = signed.reading;
    let event = match accept(ctx, &signed.reading, genuine) {
        Ok(LastReading { import_wh, export_wh, .. }) => {
            Event::ReadingAccepted { meter, seq, import_wh, export_wh, time_ms }
        }
        Err(reason) => Event::ReadingRefused { meter, seq, reason },
    };
    ctx.emit(event);
}

fn accept(ctx: &mut Ctx<'_>, reading: &Reading, genuine: bool) -> Result<LastReading, Reason> {
    if !genuine {
        return Err(Reason::BadSignature);
    }
    let key = keys::meter(&reading.meter);
    let mut meter: Meter = ctx.state.read(key).ok_or(Reason::UnknownMeter)?;
    if meter.replaced_by.is_some() {
        return Err(Reason::MeterReplaced);
    }
    if meter.last.is_some_and(|last| reading.seq <= last.seq) && !planted!("reading-replayed") {
        return Err(Reason::DuplicateReading);
    }
    let counts = |words: &[u16], last: Option<u64>| {
        let count = match last {
            Some(last) => meter.encoding.next_count(last, words),
            None => meter.encoding.count(words).map(Some),
        };
        count.map_err(|_| Reason::BadRegisters)?.ok_or(Reason::RegisterDecreased)
    };
    let import_count = counts(&reading.import, meter.last.map(|last| last.import_count))?;
    let export_count = counts(&reading.export, meter.last.map(|last| last.export_count))?;
    let energy = |count| meter.encoding.energy_of(count).map_err(|_| Reason::BadRegisters);
    let last = LastReading {
        seq: reading.seq,
        boot_id: reading.boot_id,
        uptime_ms: reading.uptime_ms,
        import_count,
        export_count,
        import_wh: energy(import_count)?,
        export_wh: energy(export_count)?,
        time_ms: reading.time_ms,
        effective_ms: effective(reading, meter.last.as_ref(), ctx.time_ms()),
        block_time_ms: ctx.time_ms(),
    };
    meter.last = Some(last);
    ctx.state.write(key, &meter);
    Ok(last)
}

/// When the chain takes a reading to have been read.
fn effective(_reading: &Reading, _last: Option<&LastReading>, block_time_ms: TimeMs) -> TimeMs {
    block_time_ms
}
