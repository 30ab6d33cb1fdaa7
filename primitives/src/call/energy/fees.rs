//! An operator's charges besides energy: by the terms of its microgrid, and by hand.

use super::PRICE_MAX;
use crate::{Amount, BoundedVec, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most taxes of a microgrid's terms.
pub const TAXES_MAX: usize = 4;
/// Kinds of lines that can be taxed.
const TAXABLE: [LineKind; 4] = [LineKind::Energy, LineKind::Monthly, LineKind::Demand, LineKind::Connection];
/// Thousandths of a whole.
const PERMILLE: u16 = 1000;
/// So many kW are a Wh in a millisecond.
const KW_OF_WH_A_MS: u128 = 3_600;

/// A kind of line on a member's bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LineKind {
    /// Energy that the operator charged in a month: such a line is of the tax on it alone, the energy has its own.
    Energy = 0,
    /// The fee for the month that begins.
    Monthly = 1,
    /// Charge for the highest power of the month that ended.
    Demand = 2,
    /// Charge for connecting a meter.
    Connection = 3,
    /// A credit.
    Credit = 4,
    /// A debt that the operator gives up.
    WriteOff = 5,
    /// Something charged that the operator gives back.
    Refund = 6,
    /// Taxes that the operator has paid to whom they are due: they are its own claim now.
    TaxPaid = 7,
}

impl LineKind {
    /// Whether the operator posts such lines itself; the others follow from the terms.
    #[must_use]
    pub const fn by_hand(self) -> bool {
        match self {
            Self::Connection | Self::Credit | Self::WriteOff | Self::Refund | Self::TaxPaid => true,
            Self::Energy | Self::Monthly | Self::Demand => false,
        }
    }
}

/// A tax on some kinds of lines.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tax {
    /// The operator's own code for it.
    pub code: u16,
    /// Rate, in thousandths of a line's amount.
    pub permille: u16,
    /// Which kinds of lines it is on: `energy`, `monthly`, `demand`, `connection`.
    pub on: BoundedVec<LineKind, { TAXABLE.len() }>,
}

/// An operator's charges besides energy. Amounts in base units of the settlement asset; nothing where zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fees {
    /// Fee of each calendar month.
    pub monthly: Amount,
    /// Price of a kW of the highest average power of an interval within a calendar month.
    pub demand_per_kw: Amount,
    /// The most that connecting a meter costs.
    pub connection: Amount,
    /// Taxes: those on one kind of line are at most 1,000 thousandths together.
    pub taxes: BoundedVec<Tax, TAXES_MAX>,
}

impl Fees {
    /// The first value that is out of its range.
    pub(super) fn out_of_range(&self) -> Option<&'static str> {
        let taxable = |tax: &Tax| tax.on.iter().all(|kind| TAXABLE.contains(kind));
        let once = |tax: &Tax| {
            tax.on.iter().zip(1..).all(|(kind, next)| !tax.on.iter().skip(next).any(|other| other == kind))
        };
        let rules = [
            ("fees: monthly is too high", self.monthly > PRICE_MAX),
            ("fees: demandPerKw is too high", self.demand_per_kw > PRICE_MAX),
            ("fees: connection is too high", self.connection > PRICE_MAX),
            ("fees: taxes are on energy, monthly, demand, connection", !self.taxes.iter().all(taxable)),
            ("fees: a tax is on a kind of line once", !self.taxes.iter().all(once)),
            (
                "fees: taxes on a line are at most 1000 permille together",
                TAXABLE.iter().any(|kind| self.permille(*kind) > PERMILLE),
            ),
        ];
        rules.into_iter().find_map(|(rule, broken)| broken.then_some(rule))
    }

    /// Rate of all taxes on such lines together, in thousandths.
    #[must_use]
    pub fn permille(&self, on: LineKind) -> u16 {
        let taxes = self.taxes.iter().filter(|tax| tax.on.contains(&on));
        taxes.fold(0, |sum, tax| sum.saturating_add(tax.permille))
    }

    /// Taxes on a line of this amount, base units, rounded down: without what lines before it have left over.
    #[must_use]
    pub fn tax(&self, on: LineKind, amount: Amount) -> Amount {
        Amount(amount.0.saturating_mul(self.permille(on).into()).checked_div(PERMILLE.into()).unwrap_or(0))
    }

    /// Charge for a net import of so much energy in an interval of this length as the highest of its month, base units,
    /// rounded down.
    #[must_use]
    pub fn demand(&self, wh: WattHours, interval_ms: TimeMs) -> Amount {
        let cost = self.demand_per_kw.0.saturating_mul(u128::from(wh.0).saturating_mul(KW_OF_WH_A_MS));
        Amount(cost.checked_div(interval_ms.0.into()).unwrap_or(0))
    }
}

#[cfg(test)]
#[path = "fees_tests.rs"]
mod tests;
