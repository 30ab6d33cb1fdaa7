use crate::{Amount, Hash, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Accepts a request; by another member.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptDeal {
    /// The request.
    pub request: Hash,
    /// Most energy.
    pub wh_max: WattHours,
    /// Base units per kWh; it counts when the sender charges.
    pub price: Amount,
}
