//! A meter takes the place of another.
//!
//! A register that shows less than before is refused: a reset, or another meter. The one way out is a swap that
//! operator, installer and the new meter's key all sign. It closes the old meter with the counters that the installer
//! read, and opens the new one with its own, so that the bill is exact across the swap. The word of an installer whom
//! the terms name stands above what could have flowed; the operator's alone does not. No counter goes back.

use super::records::{LastReading, Meter, SettledMeter};
use super::register_meter::{MeterKind, add_meter, check_meter};
use super::{METER, READING, TERMS_KEYS, metering, operated, readings, terms};
use crate::keys;
use crate::modules::{Action, Ctx, SigSink, identity, weights};
use wattle_primitives::call::energy::{MeterBinding, MeterSwap, SwapMeter};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::{MeterRole, WordsError};
use wattle_primitives::{Address, Hash, PublicKey, Reason, WattHours, Weight, planted};

/// Counters are below this.
const WH_MAX: u64 = 1 << 63;

impl Action for SwapMeter {
    fn check(&self) -> Result<(), Reason> {
        let swap = &self.swap;
        check_meter(&swap.new, kind(swap, MeterRole::Sub))?;
        opening(swap).map_err(|_| Reason::BadRegisters)?;
        if swap.final_import_wh.0.max(swap.final_export_wh.0) >= WH_MAX {
            return Err(Reason::OutOfRange);
        }
        Ok(())
    }

    /// The installer's, then the new meter's.
    fn signatures(&self, chain: &Hash, sink: &mut dyn SigSink) {
        sink.push(&self.key, &self.swap.signing_bytes(chain), &self.signature);
        let place = MeterBinding::Replacement { old: self.swap.old };
        sink.push(&self.swap.new, &place.signing_bytes(chain), &self.binding);
    }

    fn weight(&self) -> Weight {
        Weight((METER + READING + weights::SIGNATURE).saturating_add(weights::keys(16 + TERMS_KEYS).0))
    }

    /// Puts the new meter in the place of the old one; the sender operates its microgrid.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let swap = &*self.swap;
        let signed = [ctx.next_verdict(), ctx.next_verdict()]; // the installer, the new meter
        let old = ctx.state.read(keys::meter(&swap.old)).ok_or(Reason::UnknownMeter)?;
        let id = old.microgrid;
        let mut grid = operated(ctx, &id)?;
        if signed.contains(&false) {
            return Err(Reason::BadSignature);
        }
        let terms = terms::at(ctx, &id, &grid, grid.interval_at(ctx.time_ms()));
        let installer = terms.and_then(|terms| terms.installer);
        if !acts_for(ctx, &self.key, &installer.unwrap_or(grid.operator)) {
            return Err(Reason::NotAllowed);
        }
        let (owner, role) = (old.owner, old.role);
        let inherited = close(ctx, swap, old, installer.is_some())?;
        let address = add_meter(ctx, &id, &mut grid, &swap.new, owner, kind(swap, role))?;
        ctx.state.write(keys::microgrid(&id), &grid);
        open(ctx, swap, &address)?;
        if let Some(settled) = inherited {
            ctx.state.write(keys::settled_meter(&address), &SettledMeter { silence: None, ..settled });
        }
        ctx.emit(EnergyEvent::MeterSwapped {
            microgrid: id,
            old: swap.old,
            new: address,
            final_import_wh: swap.final_import_wh,
            final_export_wh: swap.final_export_wh,
        });
        Ok(())
    }
}

const fn kind(swap: &MeterSwap, role: MeterRole) -> MeterKind {
    MeterKind { encoding: swap.encoding, role, power_max_w: swap.power_max_w }
}

/// The new meter's counters as the installer read them: counts, then energy.
fn opening(swap: &MeterSwap) -> Result<[(u64, WattHours); 2], WordsError> {
    let counter = |words: &[u16]| {
        let count = swap.encoding.count(words)?;
        Ok((count, swap.encoding.energy_of(count)?))
    };
    Ok([counter(&swap.opening_import)?, counter(&swap.opening_export)?])
}

/// Whether one signature of `key` is enough to act for `account`.
fn acts_for(ctx: &mut Ctx<'_>, key: &PublicKey, account: &Address) -> bool {
    let Some(record) = ctx.state.read(keys::account(account)) else { return false };
    let signed = std::iter::once(key);
    let (weight, threshold) = identity::weigh_keys(account, record.authority.as_ref(), signed);
    weight >= threshold
}

/// Closes the old meter as by a reading taken now, and returns how far it is settled. Unless somebody besides the
/// operator has `seen` the counters, no more can have flowed than at full power.
fn close(
    ctx: &mut Ctx<'_>,
    swap: &MeterSwap,
    mut old: Meter,
    seen: bool,
) -> Result<Option<SettledMeter>, Reason> {
    if old.replaced_by.is_some() {
        return Err(Reason::MeterReplaced);
    }
    let now = ctx.time_ms();
    if let Some(last) = old.last {
        let lower = swap.final_import_wh < last.import_wh || swap.final_export_wh < last.export_wh;
        if lower && !planted!("swap-lower-counter") {
            return Err(Reason::RegisterDecreased);
        }
        let closing = LastReading {
            import_wh: swap.final_import_wh,
            export_wh: swap.final_export_wh,
            effective_ms: now,
            block_time_ms: now,
            flow_ms: now,
            ..last
        };
        if !seen {
            readings::flow(&old, &last, &closing, now)?;
        }
        metering::take(ctx, &swap.old, &old, &closing)?;
        old.last = Some(closing);
    }
    old.replaced_by = Some(Address::of_key(&swap.new));
    ctx.state.write(keys::meter(&swap.old), &old);
    Ok(ctx.state.read(keys::settled_meter(&swap.old)))
}

/// Lets the new meter begin at the counters the installer read.
fn open(ctx: &mut Ctx<'_>, swap: &MeterSwap, address: &Address) -> Result<(), Reason> {
    let key = keys::meter(address);
    let mut meter = ctx.state.read(key).ok_or(Reason::UnknownMeter)?;
    let [import, export] = opening(swap).map_err(|_| Reason::BadRegisters)?;
    let now = ctx.time_ms();
    meter.last = Some(LastReading {
        import_count: import.0,
        export_count: export.0,
        import_wh: import.1,
        export_wh: export.1,
        time_ms: now,
        effective_ms: now,
        block_time_ms: now,
        flow_ms: now,
        ..LastReading::default()
    });
    ctx.state.write(key, &meter);
    Ok(())
}
