//! Microgrids: meters and their readings, terms, and settlement to the last watt-hour.
//!
//! # Invariants
//! - What is billed to a meter, adjustments included, is the difference of its registers.
//! - For each account and interval: traded + imbalance = measured.
//! - Money moves between tabs by ledger postings only; settlement never fails.
//!
//! # For the modules above
//! Markets, deals and disputes work through [`positions`], [`tab`], [`credit`] and [`terms`]; nothing here calls them,
//! and they write no record of energy themselves.

mod charge_line;
mod collect;
pub(crate) mod credit;
mod exact;
pub(crate) mod finish;
mod hand_over_meter;
mod invariants;
pub mod keys;
mod leave_microgrid;
mod lines;
pub(crate) mod mandate;
mod metering;
mod pay_tab;
pub(crate) mod positions;
pub(crate) mod prices;
pub mod profile;
pub mod query;
mod rate_meter;
mod read_meter;
mod readings;
pub mod records;
pub(crate) mod register_meter;
mod register_microgrid;
mod resume_microgrid;
mod retire_meter;
pub(crate) mod schedule;
mod set_mandate;
mod set_member;
mod set_terms;
pub(crate) mod settle;
mod submit_readings;
mod swap_meter;
pub mod tab;
pub(crate) mod terms;
pub mod upkeep;
pub(crate) mod work;

pub(super) use invariants::Rules;
pub(crate) use submit_readings::push_reading;

use super::{Ctx, weights};
use records::{Meter, Microgrid};
use wattle_primitives::call::EnergyCall;
use wattle_primitives::{Address, Hash, Reason, WattHours};

actions! {
    EnergyCall {
        RegisterMicrogrid, RegisterMeter, SubmitReadings, SetTerms, SetMember, PayTab, SwapMeter, SetMandate,
        ResumeMicrogrid, ReadMeter, RetireMeter, LeaveMicrogrid, HandOverMeter, RateMeter, ChargeLine,
    }
}

/// Share of a block's due work, in thousandths: clearing, settling and ending intervals.
pub(super) const DUE_SHARE: u64 = 500;
/// Counters are below this.
const WH_MAX: WattHours = WattHours(1 << 63);
/// A settlement interval divides a day.
const DAY_MS: u64 = 24 * 3600 * 1000;
/// Looking for a version of the terms: 16 keys at most, which are only read, for about a quarter of a key's cost.
pub(crate) const TERMS_KEYS: u64 = 4;
/// Cost of accounting for a meter's energy, however many readings bring it: the meter, how far it is settled, the
/// microgrid, its open interval and first terms, the terms in question and those before them, of what was settled and
/// of what was not, the owner's membership, both tabs and the account of estimates with their records.
const METER: u64 = weights::KEY * (13 + 3 * TERMS_KEYS);
/// Cost of one reading: its signature, slices, and corrections of an interval and a position each.
const READING: u64 = weights::SIGNATURE + weights::KEY * (metering::SLICES_MAX + 2 * metering::CORRECTED_MAX);

/// The microgrid's record.
pub(crate) fn microgrid(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Microgrid, Reason> {
    ctx.state.read(crate::keys::microgrid(id)).ok_or(Reason::UnknownMicrogrid)
}

/// A meter's record, if it still takes readings.
pub(crate) fn meter(ctx: &mut Ctx<'_>, address: &Address) -> Result<Meter, Reason> {
    let meter = ctx.state.read(crate::keys::meter(address)).ok_or(Reason::UnknownMeter)?;
    meter.closed().map_or(Ok(meter), Err)
}

/// The microgrid's record, if the sender operates it.
fn operated(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Microgrid, Reason> {
    let grid = microgrid(ctx, id)?;
    if grid.operator == ctx.on_behalf_of() { Ok(grid) } else { Err(Reason::NotAllowed) }
}
