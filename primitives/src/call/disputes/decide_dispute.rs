use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Decides a dispute, by the operator; or votes on it, by a member other than the claimant. Where members decide,
/// the operator may grant a claim alone, but its refusal is one vote.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideDispute {
    /// The dispute.
    pub dispute: Hash,
    /// Whether the claim is granted.
    pub uphold: bool,
}
