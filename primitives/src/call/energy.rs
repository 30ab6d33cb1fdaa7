//! Calls about microgrids, meters and readings.

use crate::reading::{RegisterEncoding, SignedReading};
use crate::{Address, AssetId, BoundedVec, Hash, PublicKey, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most readings in one call.
pub const READINGS_MAX: usize = 128;

/// Calls to the energy module.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(
    tag = "call",
    content = "args",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[repr(u8)]
pub enum EnergyCall {
    /// Registers a microgrid operated by the sender.
    RegisterMicrogrid {
        /// Chosen by the sender; with the sender's address it makes the microgrid's id.
        reference: Hash,
        /// Asset in which energy is settled.
        asset: AssetId,
        /// Length of a settlement interval in ms: divides a day, at least a minute.
        interval_ms: TimeMs,
    } = 0,
    /// Registers a meter; by the microgrid's operator only. Creates the meter's account if there is none.
    RegisterMeter {
        /// The microgrid.
        microgrid: Hash,
        /// Key that signs the readings.
        key: PublicKey,
        /// Account that the energy is booked to.
        owner: Address,
        /// How the registers are encoded.
        encoding: RegisterEncoding,
    } = 1,
    /// Submits signed readings. By anybody: the meters' signatures count. Each reading has its own result in the
    /// events, so that a bad one never blocks the others.
    SubmitReadings {
        /// The readings, in order for each meter.
        readings: BoundedVec<SignedReading, READINGS_MAX>,
    } = 2,
}

impl EnergyCall {
    /// The call's name in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RegisterMicrogrid { .. } => "register_microgrid",
            Self::RegisterMeter { .. } => "register_meter",
            Self::SubmitReadings { .. } => "submit_readings",
        }
    }
}

/// The id of the microgrid that `operator` registers with `reference`.
#[must_use]
pub fn microgrid_id(operator: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::MICROGRID, &[operator.as_bytes(), reference.as_bytes()])
}
