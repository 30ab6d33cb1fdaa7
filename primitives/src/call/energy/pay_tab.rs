use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Settles the sender's tab with a microgrid. What it owes it pays, as far as there is money. What it is owed is paid
/// when the microgrid's cash is next shared out, with the settlement of an interval: this has one take place even
/// where no meter is, if there is cash.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayTab {
    /// The microgrid.
    pub microgrid: Hash,
}
