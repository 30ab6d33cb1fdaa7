use super::Payment;
use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Pays what a device owes: from one's own wallet by anybody, otherwise by its operator.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayDevice {
    /// The device.
    pub device: Hash,
    /// How much, and how; at most what it owes.
    pub payment: Payment,
}
