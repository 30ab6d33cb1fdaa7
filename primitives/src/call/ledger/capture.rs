use crate::{Amount, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Posts a hold in full or in part. The rest is released, or stays held for the next capture.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capture {
    /// The hold.
    pub hold: Hash,
    /// How much, at most what is held; all of it when absent.
    pub amount: Option<Amount>,
    /// Whether the rest stays held, until it is captured, voided or expired.
    pub more: bool,
}
