use crate::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Opens an organisation's book owned by the sender. Its id is [`BookId::of`](crate::BookId::of) sender and reference.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateBook {
    /// Chosen by the sender; with the sender's address it makes the book's id.
    pub reference: Hash,
}
