use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Lets a paused microgrid's work go on, once its wallet or its operator's has the money; by anybody. Its wallet is
/// that of the address [`of_microgrid`](crate::Address::of_microgrid), to which anybody may transfer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeMicrogrid {
    /// The microgrid.
    pub microgrid: Hash,
}
