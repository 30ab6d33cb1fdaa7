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
//! So the bound holds over any number of readings, also of such as hold their effective time back. A first reading
//! without a clock may be as old as any, so the queue behind it may hold the energy of so long.

use super::records::{LastReading, Meter};
use wattle_primitives::reading::{ClockQuality, FlowLimit, Reading};
use wattle_primitives::{Reason, TimeMs, planted};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;
/// How far a believed clock may be ahead of the block's time.
const CLOCK_AHEAD_MS_MAX: u64 = 60_000;
/// How old a meter's first reading may be: light nodes keep 30 days.
const FIRST_AGE_MS_MAX: u64 = 30 * 24 * HOUR_MS;

/// The meter's last reading once `reading` is taken, or why it is refused.
pub(super) fn next(meter: &Meter, reading: &Reading, now: TimeMs) -> Result<LastReading, Reason> {
    let last = meter.last.as_ref();
    let counts = |words: &[u16], last: Option<u64>| {
        let count = match last {
            Some(last) => meter.encoding.next_count(last, words),
            None => meter.encoding.count(words).map(Some),
        };
        count.map_err(|_| Reason::BadRegisters)?.ok_or(Reason::RegisterDecreased)
    };
    let import_count = counts(&reading.import, last.map(|last| last.import_count))?;
    let export_count = counts(&reading.export, last.map(|last| last.export_count))?;
    let energy = |count| meter.encoding.energy_of(count).map_err(|_| Reason::BadRegisters);
    let mut next = LastReading {
        seq: reading.seq,
        boot_id: reading.boot_id,
        uptime_ms: reading.uptime_ms,
        import_count,
        export_count,
        import_wh: energy(import_count)?,
        export_wh: energy(export_count)?,
        time_ms: reading.time_ms,
        effective_ms: effective(meter, reading, now),
        block_time_ms: now,
        flow_ms: TimeMs::ZERO,
    };
    next.flow_ms = match last {
        None if reading.clock == ClockQuality::Unset => oldest(meter, now),
        None => next.effective_ms,
        Some(last) => flow(meter, last, &next, now)?.max(allowed(reading, last, &next, now)),
    };
    Ok(next)
}

/// How old a first reading may be: no older than the meter's registration.
fn oldest(meter: &Meter, now: TimeMs) -> TimeMs {
    let oldest = TimeMs(now.0.saturating_sub(FIRST_AGE_MS_MAX));
    if oldest < meter.registered_ms && !planted!("reading-before-registration") {
        return meter.registered_ms;
    }
    oldest
}

/// Whether the clock of a reading that is not the first is believed.
fn is_believed(reading: &Reading, last: &LastReading, now: TimeMs) -> bool {
    let believable = last.effective_ms.0..=now.0.saturating_add(CLOCK_AHEAD_MS_MAX);
    reading.clock != ClockQuality::Unset && believable.contains(&reading.time_ms.0)
}

/// From when on energy may flow after a reading: from its effective time; but while a meter that began with an unset
/// clock has none that is believed, it keeps what it had left of the age of that first reading.
fn allowed(reading: &Reading, last: &LastReading, next: &LastReading, now: TimeMs) -> TimeMs {
    let left = last.effective_ms.saturating_sub(last.flow_ms);
    if is_believed(reading, last, now) { next.effective_ms } else { next.effective_ms.saturating_sub(left) }
}

/// When the chain takes a reading to have been read.
fn effective(meter: &Meter, reading: &Reading, now: TimeMs) -> TimeMs {
    let known = reading.clock != ClockQuality::Unset;
    let Some(last) = &meter.last else {
        return if known { reading.time_ms.min(now).max(oldest(meter, now)) } else { now };
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
