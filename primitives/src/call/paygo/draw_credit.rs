use crate::{Hash, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Tells what was used so far under an authorisation; by the gateway that made it. Sending a report again, or an older
/// one, changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrawCredit {
    /// The device.
    pub device: Hash,
    /// The authorisation: id of its hold.
    pub authorisation: Hash,
    /// Counts up by at least one with each report.
    pub seq: u64,
    /// Used since the authorisation, Wh. What is beyond it is not drawn.
    pub cumulative_wh: WattHours,
}
