use crate::reading::SignedReading;
use crate::{Amount, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Contests a bill by two signed readings of one meter of the sender's.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenDispute {
    /// The microgrid.
    pub microgrid: Hash,
    /// Chosen by the sender; with the sender's address it makes the dispute's id.
    pub reference: Hash,
    /// The earlier reading.
    pub first: Box<SignedReading>,
    /// The later reading.
    pub second: Box<SignedReading>,
    /// Amount that the sender wants back, base units of the settlement asset; at most
    /// [`CLAIM_MAX`](super::CLAIM_MAX).
    pub claim: Amount,
    /// Hash of the reasons, which lie elsewhere.
    pub note: Hash,
}
