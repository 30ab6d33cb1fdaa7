use crate::{Address, Amount, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Lets another account name the sender as fee payer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sponsor {
    /// Who may.
    pub grantee: Address,
    /// Most it may spend in all, native base units. Replaces what was left.
    pub allowance: Amount,
    /// When it ends, ms UTC of block time.
    pub expires_ms: TimeMs,
}
