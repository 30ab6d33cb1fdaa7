use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Takes back the sale of a token, or forgets one that its device does not take any more; by the operator. A device
/// without a network still takes the token: what it is worth is then a debt.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoidToken {
    /// The device.
    pub device: Hash,
    /// Its count.
    pub count: u32,
    /// Whether its price is paid back: from the operator's wallet, where it came by the ledger.
    pub refund: bool,
}
