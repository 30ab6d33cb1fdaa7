use super::READINGS_MAX;
use crate::BoundedVec;
use crate::reading::SignedReading;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Submits signed readings; by the meters, their owners, or the operator of their microgrid. Each reading has its own
/// result in the events, so that a bad one never blocks the others.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmitReadings {
    /// The readings, in order for each meter.
    pub readings: BoundedVec<SignedReading, READINGS_MAX>,
}
