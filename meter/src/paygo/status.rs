//! The device at a glance. No token is in it, and nothing that makes one.

use super::Left;
use super::device::Paygo;
use super::state::Redeemed;
use serde::Serialize;
use wattle_primitives::call::paygo::TokenKind;
use wattle_primitives::{Hash, TimeMs};

/// The device, as the status shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaygoStatus {
    /// Its id on the chain.
    pub(crate) device: Hash,
    /// Credit that is left.
    pub(crate) credit: Left,
    /// Until when it is active, if it counts time and knows the time.
    pub(crate) active_until_ms: Option<TimeMs>,
    /// Whether it supplies.
    pub(crate) supplies: bool,
    /// Little credit is left.
    pub(crate) low: bool,
    /// Supplied beyond credit, Wh or ms.
    pub(crate) over: u64,
    /// For how long no token is looked at, ms; 0 while tokens are.
    pub(crate) locked_ms: u64,
    /// The same as a time, where it is known.
    pub(crate) locked_until_ms: Option<TimeMs>,
    /// Its count.
    pub(crate) count: u32,
    /// The newest redemptions, the last one first.
    pub(crate) redemptions: Vec<RedemptionFacts>,
    /// Redemptions that the chain is not proven to have.
    pub(crate) unreported: usize,
    /// The chain refuses redemptions at present.
    pub(crate) refused: bool,
    /// Its operator issues no tokens for it at present.
    pub(crate) suspended: bool,
    /// Where its record on the chain and the configuration differ.
    pub(crate) mismatch: Option<&'static str>,
    /// Why nothing can be kept at present.
    pub(crate) error: Option<String>,
}

/// A redemption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedemptionFacts {
    /// Its place in the device's sequence.
    pub(crate) count: u32,
    /// Kind of its token.
    pub(crate) kind: TokenKind,
    /// Raw units.
    pub(crate) value: u32,
    /// When, where that was known.
    pub(crate) time_ms: Option<TimeMs>,
    /// Whether the chain is proven to have it.
    pub(crate) reported: bool,
}

impl Paygo {
    /// The device at a glance.
    pub(crate) fn status(&self) -> PaygoStatus {
        let (credit, clock) = (self.left(), self.look.clock);
        let locked_ms = self.locked_ms();
        let until = |ms: u64| clock.map(|now| now.saturating_add(TimeMs(ms)));
        let active = credit.ms.filter(|_| !credit.unlocked).and_then(until);
        let over = self.state.credit.over;
        PaygoStatus {
            device: self.rules.device,
            credit,
            active_until_ms: active,
            supplies: self.supplies(),
            low: !credit.unlocked && self.state.credit.left <= self.rules.low,
            over: if over == u64::MAX { 0 } else { over },
            locked_ms,
            locked_until_ms: until(locked_ms).filter(|_| locked_ms > 0),
            count: self.device.state().window.last().0,
            redemptions: self.state.last.iter().rev().map(|one| self.shown(one)).collect(),
            unreported: self.state.waiting.len(),
            refused: false,
            suspended: self.state.chain.is_some_and(|chain| chain.suspended),
            mismatch: self.mismatch,
            error: None,
        }
    }

    fn shown(&self, redeemed: &Redeemed) -> RedemptionFacts {
        let Redeemed { token, time_ms } = *redeemed;
        let reported = !self.state.waiting.iter().any(|waiting| waiting.token.count == token.count);
        RedemptionFacts { count: token.count, kind: token.kind, value: token.value, time_ms, reported }
    }
}
