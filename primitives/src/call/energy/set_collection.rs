use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Lets settlement take what the sender owes from its wallet, or no longer; by a member. Without that a debt waits
/// on its tab until the member pays it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetCollection {
    /// The microgrid.
    pub microgrid: Hash,
    /// Whether its wallet may be debited.
    pub on: bool,
}
