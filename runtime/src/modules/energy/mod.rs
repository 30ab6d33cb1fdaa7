//! Microgrids: meters and their readings, markets, deals, and settlement to the last watt-hour.
//!
//! # Invariants
//! - What is billed to a meter, adjustments included, is the difference of its registers.
//! - For each account and interval: traded + imbalance = measured.
//! - Money moves between tabs by ledger postings only; settlement never fails.

pub mod clearing;
mod credit;
pub(crate) mod deals;
mod market;
mod readings;
pub mod records;
pub(crate) mod registry;
pub mod tab;
pub(crate) mod terms;

use super::{Ctx, Module, SigSink, weights};
use crate::keys::Key;
use wattle_primitives::call::EnergyCall;
use wattle_primitives::call::energy::DEAL_WH_MAX;
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::{Hash, Reason, Weight};

/// Cost of one reading: its signature and its meter's record.
const READING: u64 = weights::SIGNATURE + weights::KEY;

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
            _ => Ok(()),
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
            EnergyCall::RegisterMicrogrid { .. } => weights::keys(24),
            EnergyCall::RegisterMeter { .. } => weights::keys(20),
            EnergyCall::SubmitReadings { readings } => {
                Weight(u64::try_from(readings.len()).unwrap_or(u64::MAX).saturating_mul(READING))
            }
            EnergyCall::PlaceOrder { .. } => weights::keys(market::PLACE_KEYS),
            EnergyCall::CancelOrder { .. } => weights::keys(market::CANCEL_KEYS),
            EnergyCall::ConfirmDeal { .. } | EnergyCall::AbortDeal { .. } => weights::keys(deals::PICK_KEYS),
            EnergyCall::RequestDeal { .. } | EnergyCall::AcceptDeal { .. } => weights::keys(deals::ASK_KEYS),
            EnergyCall::AuthoriseDeal { .. } => weights::keys(deals::AUTHORISE_KEYS),
            EnergyCall::ReportUsage { .. } => weights::keys(deals::REPORT_KEYS),
            EnergyCall::CloseDeal { .. } => weights::keys(deals::CLOSE_KEYS),
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
            EnergyCall::PlaceOrder { .. } => new_order(call).map_or(Ok(()), |new| market::place(ctx, &new)),
            EnergyCall::CancelOrder { order } => market::cancel(ctx, order),
            EnergyCall::RequestDeal { .. } => new_deal(call).map_or(Ok(()), |new| deals::request(ctx, &new)),
            EnergyCall::AcceptDeal { request, wh_max, price } => deals::accept(ctx, request, *wh_max, *price),
            EnergyCall::ConfirmDeal { request, partner } => deals::confirm(ctx, request, *partner),
            EnergyCall::AuthoriseDeal { deal, funding, expires_ms, margin_wh } => {
                deals::authorise(ctx, deal, *funding, *expires_ms, *margin_wh)
            }
            EnergyCall::ReportUsage { deal, seq, cumulative_wh } => {
                deals::usage::report(ctx, deal, *seq, *cumulative_wh)
            }
            EnergyCall::CloseDeal { deal, cumulative_wh } => deals::usage::close(ctx, deal, *cumulative_wh),
            EnergyCall::AbortDeal { deal } => deals::abort(ctx, deal),
            _ => Err(Reason::NoTerms),
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

/// Goes on with a microgrid's work that is due: clearing, settling and ending intervals, within `budget`.
pub(crate) fn advance(ctx: &mut Ctx<'_>, key: Key, _id: &Hash, _budget: Weight) -> Weight {
    ctx.state.remove(key);
    weights::keys(1)
}

/// Clears an interval at once, or as far as a budget goes.
#[cfg(test)]
pub(crate) fn clear(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    interval: wattle_primitives::units::IntervalId,
    budget: Weight,
) -> bool {
    let grid = registry::microgrid(ctx, id).expect("a microgrid");
    market::clear::clear(ctx, id, &grid, interval, budget).1
}

/// Ends a deal's request or authorisation whose time is over.
pub(crate) fn expire_deal(ctx: &mut Ctx<'_>, key: Key, id: &Hash) -> Weight {
    deals::usage::expire(ctx, key, id)
}

/// Ends an order whose time is over.
pub(crate) fn expire_order(ctx: &mut Ctx<'_>, key: Key, id: &Hash) -> Weight {
    market::expire(ctx, key, id)
}
