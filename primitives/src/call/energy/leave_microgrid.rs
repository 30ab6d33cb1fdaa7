use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Ends the sender's membership, and its mandate; not the operator's. Its tab is settled as far as there is money, and
/// must be even then; it has no meter any more, and all intervals in which it has a part are final.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaveMicrogrid {
    /// The microgrid.
    pub microgrid: Hash,
}
