use crate::Address;
use crate::reading::SignedReading;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Gives a meter another owner; by the microgrid's operator, with the mandates of both. What its registers show in the
/// closing reading is the old owner's, everything beyond it the new one's.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandOverMeter {
    /// The meter.
    pub meter: Address,
    /// Its new owner: a member.
    pub to: Address,
    /// Closing registers, signed by the meter; no older than an interval.
    pub closing: Box<SignedReading>,
}
