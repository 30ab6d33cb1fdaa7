use crate::Address;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Says anew how much power can flow through a meter; by the microgrid's operator, with the owner's mandate. What can
/// have flowed before stays bounded by the rating before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateMeter {
    /// The meter.
    pub meter: Address,
    /// Most power that can flow through it from now on, W, more than 0.
    pub power_max_w: u32,
}
