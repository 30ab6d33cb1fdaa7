use crate::{Hash, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Ends an authorisation with its last figure; by the gateway that made it. What was not drawn is free again.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseCredit {
    /// The device.
    pub device: Hash,
    /// The authorisation: id of its hold.
    pub authorisation: Hash,
    /// Used in all, Wh.
    pub cumulative_wh: WattHours,
}
