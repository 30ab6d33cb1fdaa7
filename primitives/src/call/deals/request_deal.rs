use crate::call::market::Side;
use crate::{Amount, Hash, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Asks for a bilateral deal; by a member.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestDeal {
    /// The microgrid.
    pub microgrid: Hash,
    /// Chosen by the sender; with the sender's address it makes the request's id.
    pub reference: Hash,
    /// Whether the sender charges (buys) or discharges (sells).
    pub side: Side,
    /// Most energy.
    pub wh_max: WattHours,
    /// Least energy: below it there is no deal.
    pub wh_min: WattHours,
    /// Deals are whole multiples of this.
    pub unit_wh: WattHours,
    /// Base units per kWh. The charging side's price is the deal's.
    pub price: Amount,
    /// Block time until which acceptances are taken.
    pub expires_ms: TimeMs,
}
