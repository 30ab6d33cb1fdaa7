use super::Symbol;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Creates an asset whose issuer is the sender. The id is in the event; the scale never changes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issue {
    /// Short name; not unique, the id is.
    pub symbol: Symbol,
    /// Decimal places, at most [`SCALE_MAX`](super::SCALE_MAX).
    pub scale: u8,
}
