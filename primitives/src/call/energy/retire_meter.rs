use crate::Address;
use crate::reading::SignedReading;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Ends a meter; by the microgrid's operator. It is closed at its last accepted reading, signed or entered by a person,
/// which may come with the call. Nothing beyond that is billed, and what was estimated beyond it is given back.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetireMeter {
    /// The meter; it takes no readings afterwards, and its key never counts again.
    pub meter: Address,
    /// Its closing reading, signed by the meter; without it the last accepted one closes it, if it is 30 days old.
    pub closing: Option<Box<SignedReading>>,
}
