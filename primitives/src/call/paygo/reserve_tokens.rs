use super::{RESERVED_MAX, Token};
use crate::{BoundedVec, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A token that can be sold later.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReservedToken {
    /// The token, with the most that it may be worth.
    pub token: Token,
    /// Commitment to it, with that value.
    pub commitment: Hash,
}

/// Reserves tokens of a device, to be sold while there is no chain to ask; by its operator.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReserveTokens {
    /// The device.
    pub device: Hash,
    /// The tokens, by rising count. Their values count against the cap of the day.
    pub tokens: BoundedVec<ReservedToken, RESERVED_MAX>,
}
