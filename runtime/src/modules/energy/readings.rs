//! Readings: which count, and when they are taken to have been read.
//!
//! A reading counts when its meter's key signed it, its number is higher than the last one's, neither counter is lower
//! (roll-overs aside), and so much energy can have flowed. Each has its own result in the events: one that is refused
//! never blocks those behind it, and no energy is lost with it, since counters are cumulative.
//!
//! # Effective time
//! Billing goes by counters; when a reading was taken only says in which interval its energy falls. The light node's
//! clock is believed within what the chain knows: from the last reading's effective time to the block's time. A clock
//! that is beyond that, or was never set, is not believed at all; then the monotonic clock of the same start counts on
//! from the last reading, and after another start the time since that start. A clock that is 30 days off therefore
//! behaves as if it were not there.
//!
//! # Plausibility
//! Energy takes time to flow: `energy / power_max`. [`LastReading::flow_ms`] adds these times up, from the effective
//! time of the reading before, and may not pass the block's time by more than the resolution of the registers is worth.
//! So the bound holds over any number of readings, also of such as hold their effective time back. It begins when the
//! opening registers were read. The first reading of a meter of the genesis, without a clock, may be as old as any, so
//! the queue behind it may hold the energy of so long.

use super::records::{LastReading, Meter};
use wattle_primitives::call::energy::ReadMeter;
use wattle_primitives::reading::{ClockQuality, FlowLimit, Reading, RegisterEncoding, WordsError};
use wattle_primitives::{Reason, TimeMs, WattHours, planted};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;
/// How far a believed clock may be ahead of the block's time.
const CLOCK_AHEAD_MS_MAX: u64 = 60_000;
/// How long light nodes keep readings: so old may the first one of a meter of the genesis be.
pub(super) const KEPT_MS: u64 = 30 * 24 * HOUR_MS;
/// Time before a meter's registration in which energy beyond its opening registers may have flowed, at most: a week to
/// bring its binding to the operator.
const OPENING_AGE_MS_MAX: u64 = 7 * 24 * HOUR_MS;

/// Counts of both registers, with their energy: import, then export.
type Counters = [(u64, WattHours); 2];

/// Counters of a meter that begins.
pub(super) fn first_counters(
    encoding: RegisterEncoding,
    import: &[u16],
    export: &[u16],
) -> Result<Counters, Reason> {
    let counter = |words: &[u16]| {
        let count = encoding.count(words)?;
        Ok::<_, WordsError>((count, encoding.energy_of(count)?))
    };
    Ok([
        counter(import).map_err(|_| Reason::BadRegisters)?,
        counter(export).map_err(|_| Reason::BadRegisters)?,
    ])
}

/// A meter's counters now, on from those of its last reading.
fn next_counters(meter: &Meter, import: &[u16], export: &[u16]) -> Result<Counters, Reason> {
    let Some(last) = &meter.last else { return first_counters(meter.encoding, import, export) };
    let counter = |last: u64, words: &[u16]| {
        let count = meter.encoding.next_count(last, words).map_err(|_| Reason::BadRegisters)?;
        let count =
            count.filter(|count| !falls_short(meter, last, *count)).ok_or(Reason::RegisterDecreased)?;
        Ok((count, meter.encoding.energy_of(count).map_err(|_| Reason::BadRegisters)?))
    };
    Ok([counter(last.import_count, import)?, counter(last.export_count, export)?])
}

/// Whether a register that seems to have turned is rather one that has not yet come to what a person entered: it fell
/// by no more than half of its range.
fn falls_short(meter: &Meter, before: u64, after: u64) -> bool {
    let by_hand = meter.last.is_some_and(|last| last.manual);
    let Some(range) = meter.encoding.modulus().filter(|_| by_hand) else { return false };
    let turned = before.checked_div(range) != after.checked_div(range);
    turned && before.saturating_add(range).saturating_sub(after) <= range.div_euclid(2)
}

/// Where a meter begins that is registered now with counters which somebody read at `read_ms`.
pub(super) fn opening([import, export]: Counters, read_ms: TimeMs, now: TimeMs) -> LastReading {
    let oldest = TimeMs(now.0.saturating_sub(OPENING_AGE_MS_MAX));
    LastReading {
        import_count: import.0,
        export_count: export.0,
        import_wh: import.1,
        export_wh: export.1,
        time_ms: read_ms,
        effective_ms: now,
        block_time_ms: now,
        flow_ms: read_ms.clamp(oldest, now),
        ..LastReading::default()
    }
}

/// The meter's last reading once a person's is taken, or why it is refused. It is no older than the reading before, on
/// which it stands.
pub(super) fn manual(meter: &Meter, read: &ReadMeter, now: TimeMs) -> Result<LastReading, Reason> {
    let last = meter.last.ok_or(Reason::ReadingRequired)?;
    let counter = |wh: WattHours, last_wh: WattHours| {
        let count = meter.encoding.count_of(wh);
        let wh = meter.encoding.energy_of(count).map_err(|_| Reason::BadRegisters)?;
        if wh < last_wh { Err(Reason::RegisterDecreased) } else { Ok((count, wh)) }
    };
    let (import, export) =
        (counter(read.import_wh, last.import_wh)?, counter(read.export_wh, last.export_wh)?);
    if read.time_ms < last.effective_ms || is_ahead(read.time_ms, now) {
        return Err(Reason::BadTime);
    }
    let effective_ms = read.time_ms.min(now);
    let mut next = LastReading {
        import_count: import.0.max(last.import_count),
        export_count: export.0.max(last.export_count),
        import_wh: import.1,
        export_wh: export.1,
        time_ms: read.time_ms,
        effective_ms,
        block_time_ms: now,
        flow_ms: effective_ms,
        manual: true,
        ..last
    };
    next.flow_ms = flow(meter, &last, &next, now)?.max(effective_ms);
    Ok(next)
}

/// The meter's last reading once `reading` is taken, or why it is refused.
pub(super) fn next(meter: &Meter, reading: &Reading, now: TimeMs) -> Result<LastReading, Reason> {
    let [import, export] = next_counters(meter, &reading.import, &reading.export)?;
    let mut next = LastReading {
        seq: reading.seq,
        boot_id: reading.boot_id,
        uptime_ms: reading.uptime_ms,
        import_count: import.0,
        export_count: export.0,
        import_wh: import.1,
        export_wh: export.1,
        time_ms: reading.time_ms,
        effective_ms: effective(meter, reading, now),
        block_time_ms: now,
        flow_ms: TimeMs::ZERO,
        manual: false,
    };
    next.flow_ms = match &meter.last {
        None if reading.clock == ClockQuality::Unset => oldest(meter, now),
        None => next.effective_ms,
        Some(last) => flow(meter, last, &next, now)?.max(allowed(reading, last, &next, now)),
    };
    Ok(next)
}

/// How old a first reading may be: no older than the meter's registration.
fn oldest(meter: &Meter, now: TimeMs) -> TimeMs {
    let oldest = TimeMs(now.0.saturating_sub(KEPT_MS));
    if oldest < meter.registered_ms && !planted!("reading-before-registration") {
        return meter.registered_ms;
    }
    oldest
}

/// Refuses what was read more than an interval ago, or later than a clock may say: what somebody holds back until it
/// suits is not what the meter shows.
pub(super) fn fresh(read_ms: TimeMs, interval_ms: TimeMs, now: TimeMs) -> Result<(), Reason> {
    let fresh = now.saturating_sub(read_ms) <= interval_ms && !is_ahead(read_ms, now);
    if fresh { Ok(()) } else { Err(Reason::BadTime) }
}

/// Whether a clock that shows this is too far ahead of the block's time to be believed.
fn is_ahead(time_ms: TimeMs, now: TimeMs) -> bool {
    time_ms.0 > now.0.saturating_add(CLOCK_AHEAD_MS_MAX)
}

/// Whether the clock of a reading that is not the first is believed.
pub(super) fn is_believed(reading: &Reading, last: &LastReading, now: TimeMs) -> bool {
    let believable = reading.time_ms >= last.effective_ms && !is_ahead(reading.time_ms, now);
    reading.clock != ClockQuality::Unset && believable
}

/// From when on energy may flow after a reading: from its effective time; but while a meter's clock is not believed,
/// what was left of the time since its opening registers, or of the age of a first reading without them, stays.
fn allowed(reading: &Reading, last: &LastReading, next: &LastReading, now: TimeMs) -> TimeMs {
    let left = last.effective_ms.saturating_sub(last.flow_ms);
    if is_believed(reading, last, now) {
        return next.effective_ms;
    }
    if last.seq == 0 { last.flow_ms } else { next.effective_ms.saturating_sub(left) }
}

/// When the chain takes a reading to have been read.
fn effective(meter: &Meter, reading: &Reading, now: TimeMs) -> TimeMs {
    let known = reading.clock != ClockQuality::Unset;
    let Some(last) = meter.last.as_ref().filter(|last| last.seq > 0) else {
        // The first one, after its opening registers if it has any.
        let from = meter.last.map_or_else(|| oldest(meter, now), |opening| opening.effective_ms);
        return if known { reading.time_ms.min(now).max(from) } else { now };
    };
    if is_believed(reading, last, now) {
        return reading.time_ms.min(now);
    }
    let since_ms = if reading.boot_id == last.boot_id {
        reading.uptime_ms.saturating_sub(last.uptime_ms)
    } else {
        reading.uptime_ms
    };
    TimeMs(last.effective_ms.0.saturating_add(since_ms)).min(now)
}

/// From when on energy may flow once a meter's power is another: by `now` as much can have flowed as by the one before.
pub(super) fn rated(flow_ms: TimeMs, [before_w, after_w]: [u32; 2], now: TimeMs) -> TimeMs {
    if flow_ms >= now {
        return flow_ms;
    }
    let worth = u128::from(now.saturating_sub(flow_ms).0).saturating_mul(before_w.into());
    let ms = worth.checked_div(after_w.into()).unwrap_or(0);
    now.saturating_sub(TimeMs(u64::try_from(ms).unwrap_or(u64::MAX)))
}

/// Checks that the energy since `last` can have flowed, and until when it takes at full power.
pub(super) fn flow(
    meter: &Meter,
    last: &LastReading,
    next: &LastReading,
    now: TimeMs,
) -> Result<TimeMs, Reason> {
    let import = next.import_wh.saturating_sub(last.import_wh);
    let export = next.export_wh.saturating_sub(last.export_wh);
    let limit = FlowLimit { encoding: meter.encoding, power_max_w: meter.power_max_w };
    let stand = next.import_wh.max(next.export_wh);
    if let Some(until) = limit.until(last.flow_ms, import.max(export), stand, now) {
        return Ok(until);
    }
    let turned = |before: u64, after: u64| {
        meter.encoding.modulus().is_some_and(|turn| before.checked_div(turn) != after.checked_div(turn))
    };
    let fell = turned(last.import_count, next.import_count) || turned(last.export_count, next.export_count);
    Err(if fell { Reason::RegisterDecreased } else { Reason::ImplausibleReading })
}
