use crate::reading::{MeterRole, RegisterEncoding, Registers};
use crate::{Address, Hash, PublicKey, Signature};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Registers a meter; by the microgrid's operator, with the consent of the meter's key and the mandate of its owner.
/// Creates the meter's account if there is none.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterMeter {
    /// The microgrid.
    pub microgrid: Hash,
    /// Key that signs the readings.
    pub key: PublicKey,
    /// Account that the energy is booked to.
    pub owner: Address,
    /// How the registers are encoded.
    pub encoding: RegisterEncoding,
    /// Whether it stands at a member's connection or at the microgrid's own.
    pub role: MeterRole,
    /// Most power that can flow through it, W, more than 0: a reading that would need more is refused.
    pub power_max_w: u32,
    /// Opening registers. All energy beyond them is billed, as of the block that registers it; so much can have
    /// flowed since they were read, or in the week before that block if they are older.
    pub opening: Box<Registers>,
    /// The meter key's signature over its [`MeterBinding`](super::MeterBinding) to this microgrid and owner.
    pub binding: Signature,
}
