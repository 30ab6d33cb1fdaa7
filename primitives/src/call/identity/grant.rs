use super::Limits;
use crate::{Address, Hash, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Lets another account act on the sender's behalf, within limits: a session or API key, an employee, a consent. Opens
/// the grantee's account if there is none.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Distinguishes the grants of one grantor.
    pub reference: Hash,
    /// Who may.
    pub grantee: Address,
    /// How far.
    pub limits: Limits,
}

/// The id of a grant: what a transaction names.
#[must_use]
pub fn grant_id(grantor: &Address, reference: &Hash) -> Hash {
    Hash::of(domain::GRANT, &[grantor.as_bytes(), reference.as_bytes()])
}
