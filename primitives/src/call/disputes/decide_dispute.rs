use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Decides a dispute, by the operator, where the terms left that to it when the dispute was opened; else votes on it,
/// by somebody who was a member then, other than the claimant. The operator has one vote as any member.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideDispute {
    /// The dispute.
    pub dispute: Hash,
    /// Whether the claim is granted.
    pub uphold: bool,
}
