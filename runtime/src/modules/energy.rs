//! Microgrids, meters and their readings.
//!
//! A reading counts when its meter's key signed it, its number is higher than the last one's and neither counter is
//! lower. Each has its own result in the events: one that is refused never blocks those behind it.

use super::records::{LastReading, Meter, Microgrid};
use super::{Ctx, Module, SigSink, identity, ledger, weights};
use crate::keys;
use wattle_primitives::call::EnergyCall;
use wattle_primitives::call::energy::microgrid_id;
use wattle_primitives::reading::{Reading, RegisterEncoding, SignedReading};
use wattle_primitives::{Address, AssetId, Event, Hash, PublicKey, Reason, TimeMs, Weight, planted};

/// A settlement interval divides a day.
const DAY_MS: u64 = 24 * 3600 * 1000;
/// Shortest settlement interval.
const INTERVAL_MS_MIN: u64 = 60 * 1000;
/// Cost of one reading: its signature and its meter's record.
const READING: u64 = weights::SIGNATURE + weights::KEY;

/// The module.
#[derive(Debug)]
pub struct Energy;

impl Module for Energy {
    type Call = EnergyCall;

    fn check(call: &EnergyCall) -> Result<(), Reason> {
        match call {
            EnergyCall::RegisterMicrogrid { interval_ms, .. } => check_interval(*interval_ms),
            EnergyCall::RegisterMeter { key, .. } if key.is_small_order() => Err(Reason::BadAuthority),
            EnergyCall::RegisterMeter { .. } => Ok(()),
            EnergyCall::SubmitReadings { readings } if readings.is_empty() => Err(Reason::OutOfRange),
            EnergyCall::SubmitReadings { .. } => Ok(()),
        }
    }

    fn signatures(call: &EnergyCall, chain: &Hash, sink: &mut dyn SigSink) {
        if let EnergyCall::SubmitReadings { readings } = call {
            for signed in readings {
                sink.push(&signed.key, &signed.reading.signing_bytes(chain), &signed.signature);
            }
        }
    }

    fn signature_count(call: &EnergyCall) -> usize {
        match call {
            EnergyCall::SubmitReadings { readings } => readings.len(),
            _ => 0,
        }
    }

    fn weight(call: &EnergyCall) -> Weight {
        match call {
            EnergyCall::RegisterMicrogrid { .. } => weights::keys(6),
            EnergyCall::RegisterMeter { .. } => weights::keys(8),
            EnergyCall::SubmitReadings { readings } => {
                Weight(u64::try_from(readings.len()).unwrap_or(u64::MAX).saturating_mul(READING))
            }
        }
    }

    fn execute(ctx: &mut Ctx<'_>, call: &EnergyCall) -> Result<(), Reason> {
        match call {
            EnergyCall::RegisterMicrogrid { reference, asset, interval_ms } => {
                register_microgrid(ctx, reference, *asset, *interval_ms)
            }
            EnergyCall::RegisterMeter { microgrid, key, owner, encoding } => {
                register_meter(ctx, microgrid, key, *owner, *encoding)
            }
            EnergyCall::SubmitReadings { readings } => {
                for signed in readings {
                    submit(ctx, signed);
                }
                Ok(())
            }
        }
    }
}

/// Checks a settlement interval.
pub(crate) fn check_interval(interval_ms: TimeMs) -> Result<(), Reason> {
    if interval_ms.0 >= INTERVAL_MS_MIN && DAY_MS.checked_rem(interval_ms.0) == Some(0) {
        Ok(())
    } else {
        Err(Reason::OutOfRange)
    }
}

/// Registers a microgrid of the sender's.
pub(crate) fn register_microgrid(
    ctx: &mut Ctx<'_>,
    reference: &Hash,
    asset: AssetId,
    interval_ms: TimeMs,
) -> Result<(), Reason> {
    let operator = ctx.sender();
    let id = microgrid_id(&operator, reference);
    if !ctx.state.contains(keys::asset(asset)) {
        return Err(Reason::UnknownAsset);
    }
    if ctx.state.contains(keys::microgrid(&id)) {
        return Err(Reason::AlreadyExists);
    }
    ledger::deposit(ctx, operator)?;
    let mut counters = ctx.counters();
    ctx.state.write(keys::microgrid_index(counters.microgrids), &id);
    counters.microgrids = counters.microgrids.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::counters(), &counters);
    ctx.state.write(keys::microgrid(&id), &Microgrid { operator, asset, interval_ms, meters: 0 });
    ctx.emit(Event::MicrogridRegistered { microgrid: id, operator });
    Ok(())
}

/// Registers a meter in a microgrid that the sender operates.
pub(crate) fn register_meter(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    key: &PublicKey,
    owner: Address,
    encoding: RegisterEncoding,
) -> Result<(), Reason> {
    let operator = ctx.sender();
    let mut microgrid: Microgrid = ctx.state.read(keys::microgrid(id)).ok_or(Reason::UnknownMicrogrid)?;
    if microgrid.operator != operator {
        return Err(Reason::NotAllowed);
    }
    if !ctx.state.contains(keys::account(&owner)) {
        return Err(Reason::UnknownAccount);
    }
    let address = Address::of_key(key);
    if ctx.state.contains(keys::meter(&address)) {
        return Err(Reason::AlreadyExists);
    }
    ledger::deposit(ctx, operator)?;
    if !ctx.state.contains(keys::account(&address)) {
        identity::create(ctx, address, operator)?;
    }
    ctx.state.write(keys::meter_index(id, microgrid.meters), &address);
    microgrid.meters = microgrid.meters.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::microgrid(id), &microgrid);
    ctx.state.write(keys::meter(&address), &Meter { microgrid: *id, owner, encoding, last: None });
    ctx.emit(Event::MeterRegistered { meter: address, microgrid: *id, owner });
    Ok(())
}

fn submit(ctx: &mut Ctx<'_>, signed: &SignedReading) {
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
    if meter.last.is_some_and(|last| reading.seq <= last.seq) && !planted!("reading-replayed") {
        return Err(Reason::DuplicateReading);
    }
    let decode = |words: &[u16]| meter.encoding.watt_hours(words).map_err(|_| Reason::BadRegisters);
    let (import_wh, export_wh) = (decode(&reading.import)?, decode(&reading.export)?);
    if meter.last.is_some_and(|last| import_wh < last.import_wh || export_wh < last.export_wh) {
        return Err(Reason::RegisterDecreased);
    }
    let (seq, time_ms, block_time_ms) = (reading.seq, reading.time_ms, ctx.time_ms());
    let last = LastReading { seq, import_wh, export_wh, time_ms, block_time_ms };
    meter.last = Some(last);
    ctx.state.write(key, &meter);
    Ok(last)
}
