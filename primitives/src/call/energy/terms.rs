//! A microgrid's terms: prices by time of day, how orders are cleared, how long readings may be late.

use super::{BANDS_MAX, DAY_MINUTES, Fees, PRICE_MAX};
use crate::{Address, Amount, BoundedVec, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most votes that decide a dispute.
pub const DISPUTE_VOTES_MAX: u16 = 64;
/// Longest gate closure or late window in ms: 60 days.
pub const WINDOW_MS_MAX: u64 = 60 * 24 * 3600 * 1000;
/// Longest notice of new terms in ms: 400 days.
pub const NOTICE_MS_MAX: u64 = 400 * 24 * 3600 * 1000;

/// Prices from a time of day on, until the next band begins; the last band lasts until the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TariffBand {
    /// Minute of the day, 0 to 1439, in the microgrid's own time.
    pub from_minute: u16,
    /// Price of a kWh from the grid, base units.
    pub import_price: Amount,
    /// Price of a kWh to the grid, base units; at most the import price.
    pub export_price: Amount,
}

/// How an interval's energy finds its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ClearingRule {
    /// No market: everything settles at the tariff.
    Tariff = 0,
    /// Orders; each trade at its bid's price.
    PayAsBid = 1,
    /// Orders; all trades at the price of the last matched bid.
    Uniform = 2,
    /// No orders; measured energy settles half-way between import and export price.
    MidMarket = 3,
}

/// Who bears the difference between the feeder meter and the sum of the meters behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LossRule {
    /// The operator.
    Operator = 0,
    /// Those who consumed, in proportion to it, at the import price.
    ProRata = 1,
}

/// A microgrid's terms. They hold from an interval that has not been opened for orders when they are set.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// The tariff: at least one band, by rising minutes.
    pub tariff: BoundedVec<TariffBand, BANDS_MAX>,
    /// The microgrid's own time: minutes east of UTC, -720 to 840.
    pub utc_offset_minutes: i16,
    /// How an interval is cleared.
    pub clearing: ClearingRule,
    /// Orders for an interval close so long before it starts, in ms.
    pub gate_closure_ms: TimeMs,
    /// An interval settles provisionally so long after its end, in ms; less than the late window.
    pub grace_ms: TimeMs,
    /// An interval is final so long after its end, in ms.
    pub late_window_ms: TimeMs,
    /// The operator's fee for each kWh bought in the market, base units.
    pub fee_per_kwh: Amount,
    /// Who bears losses.
    pub losses: LossRule,
    /// Losses above so many thousandths of the feeder's energy are flagged as under-reported.
    pub loss_permille_max: u16,
    /// Credit limit of members without one of their own, base units of the settlement asset.
    pub credit_limit: Amount,
    /// Who signs the meter swaps that the operator sends; the operator itself when absent.
    pub installer: Option<Address>,
    /// So many members' votes on one side decide a dispute that is opened under these terms, at most
    /// [`DISPUTE_VOTES_MAX`]; 0 leaves it to the operator alone.
    pub dispute_votes: u16,
    /// Terms that follow upon these hold no earlier than so long after they are set, in ms; at most 400 days.
    #[serde(default)]
    pub notice_ms: TimeMs,
    /// The operator's charges besides energy; none when absent.
    #[serde(default)]
    pub fees: Fees,
}

impl Terms {
    /// The first value that is out of its range; `None` when the terms are valid. Tariff bands rise and start below
    /// [`DAY_MINUTES`], prices do not exceed [`PRICE_MAX`], no export price exceeds its import price, windows do not
    /// exceed [`WINDOW_MS_MAX`], votes not [`DISPUTE_VOTES_MAX`], the notice not [`NOTICE_MS_MAX`];
    /// for the rest see [`Fees`].
    #[must_use]
    pub fn out_of_range(&self) -> Option<&'static str> {
        let bands = &self.tariff;
        let rules = [
            ("tariff: it has no band", bands.is_empty()),
            (
                "tariff: bands must rise by fromMinute",
                bands.windows(2).any(|pair| pair[0].from_minute >= pair[1].from_minute),
            ),
            ("tariff: fromMinute is below 1440", bands.iter().any(|band| band.from_minute >= DAY_MINUTES)),
            ("tariff: importPrice is too high", bands.iter().any(|band| band.import_price > PRICE_MAX)),
            (
                "tariff: exportPrice is above importPrice",
                bands.iter().any(|band| band.export_price > band.import_price),
            ),
            ("utcOffsetMinutes: from -720 to 840", !(-720..=840).contains(&self.utc_offset_minutes)),
            ("gateClosureMs: at most 60 days", self.gate_closure_ms.0 > WINDOW_MS_MAX),
            ("lateWindowMs: at most 60 days", self.late_window_ms.0 > WINDOW_MS_MAX),
            ("graceMs: less than lateWindowMs", self.grace_ms >= self.late_window_ms),
            ("feePerKwh is too high", self.fee_per_kwh > PRICE_MAX),
            ("lossPermilleMax: at most 1000", self.loss_permille_max > 1000),
            ("disputeVotes: at most 64", self.dispute_votes > DISPUTE_VOTES_MAX),
            ("noticeMs: at most 400 days", self.notice_ms.0 > NOTICE_MS_MAX),
        ];
        rules
            .into_iter()
            .find_map(|(rule, broken)| broken.then_some(rule))
            .or_else(|| self.fees.out_of_range())
    }

    /// Whether orders are taken.
    #[must_use]
    pub const fn takes_orders(&self) -> bool {
        match self.clearing {
            ClearingRule::PayAsBid | ClearingRule::Uniform => true,
            ClearingRule::Tariff | ClearingRule::MidMarket => false,
        }
    }
}
