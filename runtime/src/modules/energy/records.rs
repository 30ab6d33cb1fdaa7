//! The energy module's values in state. Their encodings are part of the protocol; those that light clients read are
//! defined with the primitives.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Amount, TimeMs, WattHours};

pub use wattle_primitives::state_key::{
    Agenda, LastReading, MemberRecord as Member, MeterRecord as Meter, MicrogridRecord as Microgrid, Pause,
    Taxed, TermsRecord,
};

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
    /// Members with a claim are being paid.
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
    /// Its money in the microgrid's cash that nobody else may be paid from, base units, until the interval is settled.
    pub escrow: Amount,
    /// The estimated part of `import_wh`.
    pub estimate_wh: WattHours,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SettledMeter {
    /// The first interval that is not settled for it.
    pub until: IntervalId,
    /// Import of its last measured interval: what a missing one is estimated as. Export is never estimated, so that
    /// nobody is paid for silence.
    pub typical_wh: WattHours,
    /// While its readings are missing: since when, and at what rate it is estimated.
    pub silence: Option<Silence>,
}

/// A meter without readings, whose import is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Silence {
    /// Where the estimates count from.
    pub since_ms: TimeMs,
    /// Where they end: the microgrid was paused, and the meter has not reported since.
    pub until_ms: Option<TimeMs>,
    /// Estimated import for a whole interval.
    pub import_wh: WattHours,
    /// Worth of the estimates that no reading has replaced, base units: part of the member's `estimated`.
    pub amount: Amount,
}

/// A meter's energy in an interval that is not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Slice {
    /// Import, Wh.
    pub import_wh: WattHours,
    /// Export, Wh.
    pub export_wh: WattHours,
    /// Whether energy of other times is in it: then it is not typical.
    pub lump: bool,
}
