use super::AccountClass;
use crate::{Amount, AssetId, BookId, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Opens an account in a book the sender owns. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenAccount {
    /// The book.
    pub book: BookId,
    /// Code, unused so far in this book.
    pub code: u32,
    /// Hash of its name, which lies elsewhere.
    pub name: Option<Hash>,
    /// Its one asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Code of the account that it is a part of: open, and of the same class.
    pub parent: Option<u32>,
    /// Most base units by which its debits, reserved ones included, may exceed its posted credits; without a limit when
    /// absent. 0 keeps a liability, equity or revenue from going below zero.
    pub debit_max: Option<Amount>,
    /// Likewise its credits above its posted debits. 0 keeps an asset or expense from going below zero.
    pub credit_max: Option<Amount>,
}
