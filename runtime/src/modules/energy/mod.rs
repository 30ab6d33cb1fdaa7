//! Microgrids: meters and their readings, markets, deals, and settlement to the last watt-hour.
//!
//! # Invariants
//! - What is billed to a meter, adjustments included, is the difference of its registers.
//! - For each account and interval: traded + imbalance = measured.
//! - Money moves between tabs by ledger postings only; settlement never fails.

mod agenda;
mod dispute;
mod exact;
mod finish;
mod metering;
mod readings;
pub mod records;
pub(crate) mod registry;
mod settle;
mod swap;
pub mod tab;
mod tariff;
pub(crate) mod terms;

use super::{Ctx, Module, SigSink, weights};
use crate::keys::Key;
use dispute::Claim;
use std::collections::BTreeSet;
use wattle_primitives::call::EnergyCall;
use wattle_primitives::reading::{MeterRole, RegisterEncoding, SignedReading};
use wattle_primitives::{Address, Hash, Reason, Weight};

pub(crate) use agenda::advance;

/// Looking for a version of the terms: 16 keys at most, which are only read, for about a quarter of a key's cost.
const TERMS_KEYS: u64 = 4;
/// Cost of accounting for a meter's energy, however many readings bring it: the meter, how far it is settled, the
/// microgrid, its open interval and first terms, the terms in question, the owner's membership, and both tabs.
const METER: u64 = weights::KEY * (10 + TERMS_KEYS);
/// Cost of one reading: its signature, slices, and corrections of an interval and a position each.
const READING: u64 = weights::SIGNATURE + weights::KEY * (metering::SLICES_MAX + 2 * metering::CORRECTED_MAX);

/// What a meter is, apart from its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MeterKind {
    /// How its registers are encoded.
    pub(crate) encoding: RegisterEncoding,
    /// Where it stands.
    pub(crate) role: MeterRole,
    /// Most power, W.
    pub(crate) power_max_w: u32,
}

/// The module.
#[derive(Debug)]
pub struct Energy;

impl Module for Energy {
    type Call = EnergyCall;

    fn check(call: &EnergyCall) -> Result<(), Reason> {
        match call {
            EnergyCall::RegisterMicrogrid { interval_ms, .. } => registry::check_interval(*interval_ms),
            EnergyCall::RegisterMeter { key, encoding, role, power_max_w, .. } => {
                let (encoding, role, power_max_w) = (*encoding, *role, *power_max_w);
                registry::check_meter(key, MeterKind { encoding, role, power_max_w })
            }
            EnergyCall::SubmitReadings { readings } if readings.is_empty() => Err(Reason::OutOfRange),
            EnergyCall::SetTerms { terms, .. } => terms::check(terms),
            EnergyCall::SwapMeter { swap, .. } => swap::check(swap),
            EnergyCall::OpenDispute { .. } => Claim::of(call).map_or(Ok(()), |claim| claim.check()),
            _ => Ok(()),
        }
    }

    fn signatures(call: &EnergyCall, chain: &Hash, sink: &mut dyn SigSink) {
        let mut reading = |signed: &SignedReading| {
            sink.push(&signed.key, &signed.reading.signing_bytes(chain), &signed.signature);
        };
        match call {
            EnergyCall::SubmitReadings { readings } => readings.iter().for_each(reading),
            EnergyCall::OpenDispute { first, second, .. } => {
                reading(first);
                reading(second);
            }
            EnergyCall::SwapMeter { swap, key, signature } => {
                sink.push(key, &swap.signing_bytes(chain), signature);
            }
            _ => {}
        }
    }

    fn signature_count(call: &EnergyCall) -> usize {
        match call {
            EnergyCall::SubmitReadings { readings } => readings.len(),
            EnergyCall::OpenDispute { .. } => 2,
            EnergyCall::SwapMeter { .. } => 1,
            _ => 0,
        }
    }

    fn weight(call: &EnergyCall) -> Weight {
        match call {
            EnergyCall::RegisterMicrogrid { .. } => weights::keys(24),
            EnergyCall::RegisterMeter { .. } => weights::keys(20),
            EnergyCall::SubmitReadings { readings } => readings_weight(readings),
            EnergyCall::SetTerms { .. } => weights::keys(8 + 3 * TERMS_KEYS),
            EnergyCall::SwapMeter { .. } => {
                Weight((METER + READING).saturating_add(weights::keys(14 + TERMS_KEYS).0))
            }
            EnergyCall::OpenDispute { .. } => {
                Weight((2 * weights::SIGNATURE).saturating_add(weights::keys(6).0))
            }
            EnergyCall::DecideDispute { .. } => weights::keys(13 + TERMS_KEYS),
            _ => weights::keys(20),
        }
    }

    fn execute(ctx: &mut Ctx<'_>, call: &EnergyCall) -> Result<(), Reason> {
        match call {
            EnergyCall::RegisterMicrogrid { reference, asset, interval_ms } => {
                registry::register_microgrid(ctx, reference, *asset, *interval_ms)
            }
            EnergyCall::RegisterMeter { microgrid, key, owner, encoding, role, power_max_w } => {
                let (encoding, role, power_max_w) = (*encoding, *role, *power_max_w);
                let kind = MeterKind { encoding, role, power_max_w };
                registry::register_meter(ctx, microgrid, key, *owner, kind)
            }
            EnergyCall::SubmitReadings { readings } => {
                readings.iter().for_each(|signed| readings::submit(ctx, signed));
                Ok(())
            }
            EnergyCall::SetTerms { microgrid, terms } => terms::set(ctx, microgrid, terms),
            EnergyCall::SetMember { microgrid, account, credit_limit } => {
                registry::set_member(ctx, microgrid, *account, *credit_limit)
            }
            EnergyCall::PayTab { microgrid } => pay_tab(ctx, microgrid),
            EnergyCall::SwapMeter { swap, key, .. } => swap::swap(ctx, swap, key),
            EnergyCall::OpenDispute { .. } => Claim::of(call).map_or(Ok(()), |claim| claim.open(ctx)),
            EnergyCall::DecideDispute { dispute, uphold } => dispute::decide(ctx, dispute, *uphold),
            _ => Err(Reason::NoTerms),
        }
    }
}

/// Readings cost by the meter and by the reading.
fn readings_weight(readings: &[SignedReading]) -> Weight {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let meters: BTreeSet<Address> = readings.iter().map(|signed| signed.reading.meter).collect();
    let meters = count(meters.len()).saturating_mul(METER);
    Weight(count(readings.len()).saturating_mul(READING).saturating_add(meters))
}

/// Settles the sender's tab as far as there is money.
fn pay_tab(ctx: &mut Ctx<'_>, id: &Hash) -> Result<(), Reason> {
    let grid = registry::microgrid(ctx, id)?;
    let sender = ctx.sender();
    let code = tab::member(ctx, id, &sender)?.code;
    tab::pay(ctx, id, &grid, sender, code).map(drop)
}

/// Ends a deal's request or authorisation whose time is over.
pub(crate) fn expire_deal(ctx: &mut Ctx<'_>, key: Key, _id: &Hash) -> Weight {
    ctx.state.remove(key);
    weights::keys(1)
}
