use crate::AssetId;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Makes the sender an operator of pay-as-you-go devices, or changes its cap. Who issues for it has a grant.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetPaygoOperator {
    /// The asset in which it is paid; never changed.
    pub asset: AssetId,
    /// Most raw units issued for a device in a day, UTC, whoever issues them.
    pub daily_cap: u32,
}
