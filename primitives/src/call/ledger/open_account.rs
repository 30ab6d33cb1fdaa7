use super::AccountClass;
use crate::AssetId;
use crate::units::BookId;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Opens an account in a book the sender owns.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenAccount {
    /// The book.
    pub book: BookId,
    /// Code, unused so far in this book.
    pub code: u32,
    /// Its one asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Whether the balance may never go below zero on the normal side of the class.
    pub limited: bool,
}
