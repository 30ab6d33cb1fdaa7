use crate::units::WattHours;
use crate::{Address, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Enters what a person has read off a meter; by the microgrid's operator, or the installer whom the terms name if it
/// is not its own. It counts as a reading of its time, and is flagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadMeter {
    /// The meter.
    pub meter: Address,
    /// Its import counter, Wh, in the terms of its accepted readings; what is finer than its registers is left out.
    pub import_wh: WattHours,
    /// Its export counter likewise.
    pub export_wh: WattHours,
    /// When it was read, ms UTC; no earlier than its last reading.
    pub time_ms: TimeMs,
}
