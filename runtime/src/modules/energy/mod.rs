//! Microgrids: meters and their readings, markets, deals, and settlement to the last watt-hour.
//!
//! # Invariants
//! - What is billed to a meter, adjustments included, is the difference of its registers.
//! - For each account and interval: traded + imbalance = measured.
//! - Money moves between tabs by ledger postings only; settlement never fails.

mod agenda;
pub mod clearing;
mod credit;
pub(crate) mod deals;
mod dispute;
mod exact;
mod finish;
mod market;
mod metering;
mod readings;
pub mod records;
pub(crate) mod registry;
mod settle;
mod swap;
pub mod tab;
pub(crate) mod terms;

use super::{Ctx, Module, SigSink, weights};
use crate::keys::Key;
use dispute::Claim;
use std::collections::BTreeSet;
use wattle_primitives::call::EnergyCall;
use wattle_primitives::call::energy::{DEAL_WH_MAX, MeterBinding};
use wattle_primitives::reading::{MeterRole, RegisterEncoding, SignedReading};
use wattle_primitives::{Address, Hash, Reason, Weight};

pub(crate) use agenda::advance;

/// Looking for a version of the terms: 16 keys at most, which are only read, for about a quarter of a key's cost.
const TERMS_KEYS: u64 = 4;
/// Cost of accounting for a meter's energy, however many readings bring it: the meter, how far it is settled, the
/// microgrid, its open interval and first terms, the terms in question and those before them, the owner's membership, both
/// tabs and their records.
const METER: u64 = weights::KEY * (11 + 2 * TERMS_KEYS);
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
            EnergyCall::PlaceOrder { price, wh, .. } => market::check(*price, *wh),
            EnergyCall::RequestDeal { .. } => new_deal(call).map_or(Ok(()), |new| deals::check_request(&new)),
            EnergyCall::AcceptDeal { wh_max, price, .. } => deals::check_acceptance(*wh_max, *price),
            EnergyCall::AuthoriseDeal { margin_wh, .. } if margin_wh.0 > DEAL_WH_MAX => {
                Err(Reason::OutOfRange)
            }
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
            EnergyCall::RegisterMeter { microgrid, key, owner, binding, .. } => {
                let place = MeterBinding::Connection { microgrid: *microgrid, owner: *owner };
                sink.push(key, &place.signing_bytes(chain), binding);
            }
            EnergyCall::SwapMeter { swap, key, signature, binding } => {
                sink.push(key, &swap.signing_bytes(chain), signature);
                let place = MeterBinding::Replacement { old: swap.old };
                sink.push(&swap.new, &place.signing_bytes(chain), binding);
            }
            _ => {}
        }
    }

    fn signature_count(call: &EnergyCall) -> usize {
        match call {
            EnergyCall::SubmitReadings { readings } => readings.len(),
            EnergyCall::RegisterMeter { .. } => 1,
            EnergyCall::OpenDispute { .. } | EnergyCall::SwapMeter { .. } => 2,
            _ => 0,
        }
    }

    fn weight(call: &EnergyCall) -> Weight {
        match call {
            EnergyCall::RegisterMicrogrid { .. } => weights::keys(24),
            EnergyCall::RegisterMeter { .. } => {
                Weight(weights::SIGNATURE.saturating_add(weights::keys(20).0))
            }
            EnergyCall::SubmitReadings { readings } => readings_weight(readings),
            EnergyCall::SetTerms { .. } => weights::keys(8 + 3 * TERMS_KEYS),
            EnergyCall::SwapMeter { .. } => Weight(
                (METER + READING + weights::SIGNATURE).saturating_add(weights::keys(16 + TERMS_KEYS).0),
            ),
            EnergyCall::PlaceOrder { .. } => weights::keys(market::PLACE_KEYS),
            EnergyCall::CancelOrder { .. } => weights::keys(market::CANCEL_KEYS),
            EnergyCall::ConfirmDeal { .. } | EnergyCall::AbortDeal { .. } => weights::keys(deals::PICK_KEYS),
            EnergyCall::RequestDeal { .. } | EnergyCall::AcceptDeal { .. } => weights::keys(deals::ASK_KEYS),
            EnergyCall::AuthoriseDeal { .. } => weights::keys(deals::AUTHORISE_KEYS),
            EnergyCall::ReportUsage { .. } => weights::keys(deals::REPORT_KEYS),
            EnergyCall::CloseDeal { .. } => weights::keys(deals::CLOSE_KEYS),
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
            EnergyCall::RegisterMeter { microgrid, key, owner, encoding, role, power_max_w, .. } => {
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
            EnergyCall::PlaceOrder { .. } => new_order(call).map_or(Ok(()), |new| market::place(ctx, &new)),
            EnergyCall::CancelOrder { order } => market::cancel(ctx, order),
            EnergyCall::RequestDeal { .. } => new_deal(call).map_or(Ok(()), |new| deals::request(ctx, &new)),
            EnergyCall::AcceptDeal { request, wh_max, price } => deals::accept(ctx, request, *wh_max, *price),
            EnergyCall::ConfirmDeal { request, partner } => deals::confirm(ctx, request, *partner),
            EnergyCall::AuthoriseDeal { deal, funding, expires_ms, margin_wh, meter } => {
                deals::authorise(ctx, deal, *funding, *expires_ms, *margin_wh, *meter)
            }
            EnergyCall::ReportUsage { deal, seq, cumulative_wh } => {
                deals::usage::report(ctx, deal, *seq, *cumulative_wh)
            }
            EnergyCall::CloseDeal { deal, cumulative_wh } => deals::usage::close(ctx, deal, *cumulative_wh),
            EnergyCall::AbortDeal { deal } => deals::abort(ctx, deal),
            EnergyCall::PayTab { microgrid } => pay_tab(ctx, microgrid),
            EnergyCall::SwapMeter { swap, key, .. } => swap::swap(ctx, swap, key),
            EnergyCall::OpenDispute { .. } => Claim::of(call).map_or(Ok(()), |claim| claim.open(ctx)),
            EnergyCall::DecideDispute { dispute, uphold } => dispute::decide(ctx, dispute, *uphold),
            EnergyCall::SetCollection { microgrid, on } => {
                registry::set_collection(ctx, microgrid, ctx.sender(), *on)
            }
        }
    }
}

/// What a call asks the market for.
const fn new_order(call: &EnergyCall) -> Option<market::NewOrder<'_>> {
    match call {
        EnergyCall::PlaceOrder { microgrid, reference, interval, side, price, wh, partner, expires_ms } => {
            let (interval, side, price, wh) = (*interval, *side, *price, *wh);
            let (partner, expires_ms) = (*partner, *expires_ms);
            Some(market::NewOrder { microgrid, reference, interval, side, price, wh, partner, expires_ms })
        }
        _ => None,
    }
}

/// What a call asks of another member.
const fn new_deal(call: &EnergyCall) -> Option<deals::NewDeal<'_>> {
    match call {
        EnergyCall::RequestDeal {
            microgrid,
            reference,
            side,
            wh_max,
            wh_min,
            unit_wh,
            price,
            expires_ms,
        } => {
            let (side, wh_max, wh_min, unit_wh) = (*side, *wh_max, *wh_min, *unit_wh);
            let (price, expires_ms) = (*price, *expires_ms);
            Some(deals::NewDeal { microgrid, reference, side, wh_max, wh_min, unit_wh, price, expires_ms })
        }
        _ => None,
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
    tab::pay(ctx, id, &grid, sender, tab::By::Member).map(drop)
}

/// Ends a deal's request or authorisation whose time is over.
pub(crate) fn expire_deal(ctx: &mut Ctx<'_>, key: Key, id: &Hash) -> Weight {
    deals::usage::expire(ctx, key, id)
}

/// Ends an order whose time is over.
pub(crate) fn expire_order(ctx: &mut Ctx<'_>, key: Key, id: &Hash) -> Weight {
    market::expire(ctx, key, id)
}
