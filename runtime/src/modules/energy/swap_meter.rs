//! A meter takes the place of another.
//!
//! A register that shows less than before is refused: a reset, or another meter. The one way out is a swap: sent by the
//! operator with the owner's mandate and signed by the installer, or sent by the owner and signed by the operator; the
//! new meter's key signs it as well.
//! It closes the old meter with the counters that the installer read, and opens the new one with its own, so that the
//! bill is exact across the swap. Whoever signs, no counter goes back, no more has flowed than can have, and what was
//! read more than an interval ago, or an hour if that is longer, is no swap any more.

use super::records::{LastReading, Meter, SettledMeter};
use super::register_meter::{MeterKind, add_meter, check_meter};
use super::retire_meter::{close, engaged};
use super::{METER, READING, TERMS_KEYS, WH_MAX, mandate, meter, microgrid, readings, terms};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, SigSink, identity, weights};
use wattle_primitives::call::energy::{MeterBinding, MeterSwap, SwapMeter};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::MeterRole;
use wattle_primitives::{Address, Hash, PublicKey, Reason, TimeMs, WattHours, Weight, planted};

/// A swap is good for so long at least: an installer goes where there is no network.
const SWAP_MS_MIN: TimeMs = TimeMs(3_600_000);

impl Action for SwapMeter {
    fn check(&self) -> Result<(), Reason> {
        let swap = &self.swap;
        check_meter(&swap.new, kind(swap, MeterRole::Sub))?;
        opening(swap)?;
        if swap.final_import_wh.max(swap.final_export_wh) >= WH_MAX {
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

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Puts the new meter in the place of the old one. The operator takes part in any case: it sends this with the
    /// owner's mandate, or signs for what the owner sends; an installer's word alone would let it swap its own meter.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let swap = &*self.swap;
        let signed = [ctx.next_verdict(), ctx.next_verdict()]; // the installer, the new meter
        let old = meter(ctx, &swap.old)?;
        let id = old.microgrid;
        let mut grid = microgrid(ctx, &id)?;
        let sender = ctx.on_behalf_of();
        if sender != grid.operator && sender != old.owner {
            return Err(Reason::NotAllowed);
        }
        mandate::require(ctx, &id, &old.owner)?;
        if signed.contains(&false) {
            return Err(Reason::BadSignature);
        }
        let installer = terms::installer(ctx, &id, &grid).filter(|_| sender == grid.operator);
        let alone = planted!("installer-swaps-alone", sender != grid.operator);
        let signer = if alone { terms::installer(ctx, &id, &grid) } else { installer };
        if !acts_for(ctx, &self.key, &signer.unwrap_or(grid.operator)) {
            return Err(Reason::NotAllowed);
        }
        let now = ctx.time_ms();
        let read = readings::fresh(swap.time_ms, grid.interval_ms.max(SWAP_MS_MIN), now);
        if read.is_err() && !planted!("swap-held-back") {
            return read;
        }
        let (owner, role) = (old.owner, old.role);
        let inherited = close_old(ctx, swap, old)?;
        let opening = readings::opening(opening(swap)?, swap.time_ms, now);
        let kind = kind(swap, role);
        let address = add_meter(ctx, &id, &mut grid, &swap.new, owner, kind, Some(opening))?;
        ctx.state.write(keys::microgrid(&id), &grid);
        if let Some(settled) = inherited {
            let settled = SettledMeter { silence: None, coarse: None, handed: None, ..settled };
            ctx.state.write(keys::settled_meter(&address), &settled);
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

/// The new meter's counters as the installer read them.
fn opening(swap: &MeterSwap) -> Result<[(u64, WattHours); 2], Reason> {
    readings::first_counters(swap.encoding, &swap.opening_import, &swap.opening_export)
}

/// Whether one signature of `key` is enough to act for `account`.
fn acts_for(ctx: &mut Ctx<'_>, key: &PublicKey, account: &Address) -> bool {
    let Some(record) = ctx.state.read(keys::account(account)) else { return false };
    let signed = std::iter::once(key);
    let (weight, threshold) = identity::weigh_keys(account, record.authority.as_ref(), signed);
    weight >= threshold
}

/// Closes the old meter with the counters that the installer read, and returns how far it is settled.
fn close_old(ctx: &mut Ctx<'_>, swap: &MeterSwap, mut old: Meter) -> Result<Option<SettledMeter>, Reason> {
    if let Some(last) = old.last {
        let (import_wh, export_wh) = (swap.final_import_wh, swap.final_export_wh);
        let lower = import_wh < last.import_wh || export_wh < last.export_wh;
        if lower && !planted!("swap-lower-counter") {
            return Err(Reason::RegisterDecreased);
        }
        let closing = LastReading { import_wh, export_wh, ..last };
        // From when both were read the new meter shows what flows.
        let until = swap.time_ms.min(ctx.time_ms()).max(last.flow_ms);
        readings::flow(&old, &last, &closing, until).or_else(|reason| {
            let seen = planted!("swap-beyond-power");
            if seen { Ok(TimeMs::ZERO) } else { Err(reason) }
        })?;
        close(ctx, &swap.old, &mut old, closing)?;
    }
    old.replaced_by = Some(Address::of_key(&swap.new));
    engaged(ctx, &old, |member| member.meters = member.meters.saturating_sub(1))?;
    ctx.state.write(keys::meter(&swap.old), &old);
    Ok(ctx.state.read(keys::settled_meter(&swap.old)))
}
