use super::Entry;
use crate::{Address, Hash, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Reserves an amount. Nothing else can spend it until it is captured, voided or expired.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hold {
    /// Chosen by the sender; with the sender's address it makes the hold's id.
    pub reference: Hash,
    /// The reserved entry: accounts, asset and amount.
    pub entry: Entry,
    /// Who may capture or void it.
    pub captor: Address,
    /// Time to live in ms of block time, at most [`HOLD_MS_MAX`](super::HOLD_MS_MAX). Without it the hold stands until
    /// its captor ends it.
    pub ttl_ms: Option<TimeMs>,
}
