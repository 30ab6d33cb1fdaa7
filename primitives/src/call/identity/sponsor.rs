use super::Limits;
use crate::Address;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Lets another account name the sender as fee payer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sponsor {
    /// Who may.
    pub grantee: Address,
    /// How far: fees, tips and deposits in the native asset alone. Replaces what was left. Names neither counterparties
    /// nor books, and no amount above which somebody signs along: a payer that signs needs no sponsorship.
    pub limits: Limits,
}
