use crate::{Hash, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Measure of a device's credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[repr(u8)]
pub enum CreditUnit {
    /// Energy: a balance that only the device's use takes from.
    WattHours {
        /// Size of a unit, Wh.
        per_unit: WattHours,
    } = 0,
    /// Time: until when the device is active.
    Time {
        /// Size of a unit, ms.
        per_unit: TimeMs,
    } = 1,
}

/// Firmware of a device, as far as it decides which tokens can be issued for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum FirmwareProfile {
    /// The Python reference, or what behaves like it.
    Python = 0,
    /// The C firmware: 16 bits of count; once disabled it is controlled again by a set token; its extended tokens
    /// only add.
    CFirmware = 1,
    /// This project's own light node.
    Own = 2,
}

/// Registers a device of the sender's.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterDevice {
    /// Pseudonymous; with the operator's address it makes the device's id.
    pub reference: Hash,
    /// Measure of its credit.
    pub unit: CreditUnit,
    /// Raw units of a unit: a whole part of its size.
    pub divider: u16,
    /// Its firmware.
    pub profile: FirmwareProfile,
    /// Whether it takes tokens of twelve digits.
    pub extended: bool,
    /// The count at which it stands: older tokens are taken to be used.
    pub count: u32,
}
