use crate::{Address, Amount, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Makes an account a member, or changes its credit limit; by the microgrid's operator. Owners of meters are
/// members already.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetMember {
    /// The microgrid.
    pub microgrid: Hash,
    /// The account.
    pub account: Address,
    /// Its own credit limit, base units; the terms' when absent.
    pub credit_limit: Option<Amount>,
}
