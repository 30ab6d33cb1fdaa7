//! The energy module's values in state. Their encodings are part of the protocol; those that light clients read are
//! defined with the primitives.

use super::profile::Profile;
use crate::modules::identity::records::Allowance;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, TimeMs, WattHours};

pub use wattle_primitives::state_key::{
    Agenda, Carry, Demand, Deposit, LastReading, MemberRecord as Member, MeterRecord as Meter,
    MicrogridRecord as Microgrid, Pause, TermsRecord,
};

/// An owner's mandate to a microgrid's operator, to act in its name.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Mandate {
    /// How far collection goes, and what was taken: a settled interval counts as one transaction.
    pub allowance: Allowance,
    /// For so long after terms were set, ms, nothing is taken for what they bill.
    pub notice_ms: TimeMs,
    /// When it was given: its owner knows the terms that were set before.
    pub given_ms: TimeMs,
    /// The newest interval whose settlement took something.
    pub charged: IntervalId,
    /// Deposit for its key.
    pub deposit: Deposit,
}

/// An interval with orders, trades, or settlement under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Interval {
    /// Orders placed, listed under [`crate::keys::order_index`]; ended ones leave a hole.
    pub orders: u32,
    /// Energy traded in the market and by deals.
    pub traded_wh: WattHours,
    /// Price of a uniform clearing.
    pub price: Option<Amount>,
    /// The step of the work under way.
    pub step: Step,
    /// All members' net import, once summed up.
    pub demand_wh: WattHours,
    /// All members' net export, once summed up.
    pub supply_wh: WattHours,
    /// How far along demand and supply, or consumption, the step under way has come: it makes every share exact (see
    /// `exact`).
    pub done: [WattHours; 2],
    /// Members with a line.
    pub accounts: u32,
    /// Sum of what members are owed and may be paid, base units, once summed up; the operator's claim is not in it.
    pub claims: Amount,
    /// All that they were owed then, also what is withheld for energy that they may fail to deliver.
    pub dues: Amount,
    /// The cash that is shared out among them, base units: what there was to be paid out at that moment.
    pub pot: Amount,
    /// Sums over members' meters; late readings correct them until the interval is final.
    pub subs: Measured,
    /// Sums over feeder meters, likewise.
    pub feeders: Measured,
}

/// Sums over the meters of one role for an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Measured {
    /// Meters that have ever been read.
    pub meters: u32,
    /// Those among them whose share is an estimate.
    pub estimated: u32,
    /// Import, Wh.
    pub import_wh: WattHours,
    /// Export, Wh.
    pub export_wh: WattHours,
}

/// A step of an interval's work, and the next item of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Step {
    /// Taking orders, or waiting for its end.
    #[default]
    Open = 0,
    /// Matched; orders are being wound up.
    Release {
        /// Next order.
        next: u32,
    } = 1,
    /// Cleared and wound up; nothing is measured yet.
    Cleared = 2,
    /// Meters are being summed up by member.
    Measure {
        /// Next meter.
        next: u32,
    } = 3,
    /// Members' lines are being posted.
    Post {
        /// Next member.
        next: u32,
    } = 4,
    /// Members with a claim are being paid their part of the cash.
    Pay {
        /// Next member.
        next: u32,
    } = 5,
    /// Settled provisionally.
    Settled = 6,
    /// Losses are being shared.
    Finish {
        /// Next member.
        next: u32,
    } = 7,
    /// Members' net demand and supply are being summed up, where prices depend on it.
    Sum {
        /// Next member.
        next: u32,
    } = 8,
    /// Debts of members are being collected, and what they are owed summed up.
    Claim {
        /// Next member.
        next: u32,
    } = 9,
}

/// A member's part of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Position {
    /// Bought in the market and by deals.
    pub bought_wh: WattHours,
    /// Sold in the market and by deals.
    pub sold_wh: WattHours,
    /// Measured or estimated import.
    pub import_wh: WattHours,
    /// Measured or estimated export.
    pub export_wh: WattHours,
    /// Whether a meter's share is an estimate.
    pub estimated: bool,
    /// Debt that the energy sold may come to if it is not delivered, base units, until the interval is settled.
    pub exposed: Amount,
    /// Escrow for that energy, base units, until the interval is settled.
    pub escrow: Amount,
    /// The estimated part of `import_wh`.
    pub estimate_wh: WattHours,
    /// Energy that meters showed beyond what can flow through them in an interval: it flowed before, and has no power.
    pub beyond_wh: WattHours,
    /// Orders placed, ended ones included.
    pub orders: u16,
}

impl Position {
    /// The position without what is only estimated.
    #[must_use]
    pub const fn measured(&self) -> Self {
        let import_wh = self.import_wh.saturating_sub(self.estimate_wh);
        Self { import_wh, estimate_wh: WattHours::ZERO, estimated: false, ..*self }
    }

    /// Whether there is nothing to settle: orders alone, none of them filled.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        Self { orders: 0, ..*self } == Self::default()
    }
}

/// How far a meter is settled.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SettledMeter {
    /// The first interval that is not settled for it.
    pub until: IntervalId,
    /// Its import by the time of day, from which a missing reading is estimated.
    pub profile: Profile,
    /// While its readings are missing.
    pub silence: Option<Silence>,
    /// Intervals that count it as estimated, though readings have brought all their energy.
    pub coarse: Option<Coarse>,
    /// Whose it was before its last change of owner.
    pub handed: Option<Handed>,
}

/// Intervals of which readings tell the sum, but not what flowed in each: from the first until before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Coarse {
    /// The first.
    pub from: IntervalId,
    /// The first after them.
    pub until: IntervalId,
}

impl Coarse {
    /// Whether an interval is one of them.
    #[must_use]
    pub fn covers(&self, interval: IntervalId) -> bool {
        self.from <= interval && interval < self.until
    }
}

impl SettledMeter {
    /// Notes intervals of which only the sum is known. Those before stay noted while they are not settled, with what
    /// lies between.
    pub(super) fn add_coarse(&mut self, from: IntervalId, until: IntervalId) {
        let before = self.coarse.filter(|coarse| coarse.until > self.until);
        let from = before.map_or(from, |coarse| coarse.from.min(from));
        self.coarse = Some(Coarse { from, until });
    }

    /// Import estimated between two times, Wh; a whole interval takes `interval_ms`.
    #[must_use]
    pub fn estimated(&self, from: TimeMs, to: TimeMs, interval_ms: TimeMs) -> u64 {
        let Some(Silence { since_ms, until_ms, .. }) = self.silence else { return 0 };
        let until = |at: TimeMs| {
            let at = at.min(until_ms.unwrap_or(TimeMs::MAX)).max(since_ms);
            self.profile.until(at, interval_ms)
        };
        until(to).saturating_sub(until(from))
    }

    /// Whether readings do not tell what flowed in an interval.
    pub(super) fn is_coarse(&self, interval: IntervalId) -> bool {
        self.coarse.is_some_and(|coarse| coarse.covers(interval))
    }
}

/// A meter's change of owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Handed {
    /// Whose it was.
    pub from: Address,
    /// The interval in which it changed hands: what its slices of earlier ones show is the old owner's.
    pub interval: IntervalId,
}

/// A meter without readings, whose import is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Silence {
    /// Where the estimates count from.
    pub since_ms: TimeMs,
    /// Where they end: the microgrid was paused, or the meter suspended, and has not reported since.
    pub until_ms: Option<TimeMs>,
    /// Worth of the estimates that no reading has replaced, base units: part of what stands on its owner's account of
    /// estimates.
    pub amount: Amount,
    /// Part of the worth that rounding takes off `amount`, in thousandths of a base unit.
    pub rest: u16,
}

/// A meter's energy in an interval that is not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Slice {
    /// Import, Wh.
    pub import_wh: WattHours,
    /// Export, Wh.
    pub export_wh: WattHours,
    /// Import beyond what can flow in an interval at the rating of the time, Wh.
    pub beyond_wh: WattHours,
}
