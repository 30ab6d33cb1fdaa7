use super::Terms;
use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Sets a microgrid's terms; by its operator. They hold from the next interval for which neither orders nor
/// settlement have begun, a day after those before them at the earliest, and not before the notice is over that those
/// promise; until then they can be replaced. Until terms are set the microgrid only keeps readings.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetTerms {
    /// The microgrid.
    pub microgrid: Hash,
    /// The terms.
    pub terms: Box<Terms>,
}
