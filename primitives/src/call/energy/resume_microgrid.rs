use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Lets a paused microgrid's work go on, once there is money for it; by anybody. Its own wallet is that of the address
/// [`of_microgrid`](crate::Address::of_microgrid), to which anybody may transfer. It pays first; the operator's pays
/// the rest if the operator resumed it, itself or after another did.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeMicrogrid {
    /// The microgrid.
    pub microgrid: Hash,
}
