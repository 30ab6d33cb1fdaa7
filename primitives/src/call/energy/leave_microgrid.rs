use crate::{Address, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Ends a membership; by the member or the microgrid's operator. Its tab is settled as far as there is money, and must
/// be even then; it has no meter any more, and all intervals in which it has a part are final.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaveMicrogrid {
    /// The microgrid.
    pub microgrid: Hash,
    /// The member; not the operator.
    pub account: Address,
}
