use crate::{Hash, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Sets credit of a device aside for use that its gateway, who sends this, is going to report.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthoriseCredit {
    /// The device.
    pub device: Hash,
    /// Chosen by the sender; with the device's address it makes the hold's id, as of any hold.
    pub reference: Hash,
    /// Energy.
    pub wh: WattHours,
    /// Block time from which on what was not drawn is free again; within 90 days.
    pub expires_ms: TimeMs,
}
