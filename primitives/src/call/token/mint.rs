use crate::{Address, Amount, AssetId};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Creates units; by the issuer only.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mint {
    /// The asset.
    pub asset: AssetId,
    /// Who receives them.
    pub to: Address,
    /// More than zero.
    pub amount: Amount,
}
