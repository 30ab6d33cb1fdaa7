use crate::{AssetId, Hash, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Registers a microgrid operated by the sender.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterMicrogrid {
    /// Chosen by the sender; with the sender's address it makes the microgrid's id.
    pub reference: Hash,
    /// Asset in which energy is settled.
    pub asset: AssetId,
    /// Length of a settlement interval in ms: divides a day, at least a minute.
    pub interval_ms: TimeMs,
}
