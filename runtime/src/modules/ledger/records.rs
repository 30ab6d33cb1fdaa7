//! The ledger's values in state. Their encodings are part of the protocol.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::call::ledger::{AccountClass, Entry};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::{Address, Amount, AssetId, TimeMs};

pub use wattle_primitives::state_key::BalanceRecord as Balance;

/// An organisation's book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Book {
    /// Its owner.
    pub owner: Address,
    /// Accounts opened, listed under [`crate::keys::book_index`].
    pub accounts: u32,
}

/// An account of a book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BookAccount {
    /// Its one asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Whether its balance may never be negative.
    pub limited: bool,
}

/// An open hold. Gone once it is captured, voided or expired.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hold {
    /// The reserved entry: accounts, asset and amount.
    pub entry: Entry,
    /// Who may capture or void it.
    pub captor: Address,
    /// First block time at which it is over; [`TimeMs::MAX`] when whoever made it ends it.
    pub expires_ms: TimeMs,
    /// Who gets the deposit back.
    pub depositor: Address,
    /// The deposit.
    pub deposit: Amount,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Asset {
    /// Short name.
    pub symbol: Symbol,
    /// Decimal places.
    pub scale: u8,
    /// Who may mint it; nobody may mint the native asset.
    pub issuer: Option<Address>,
}
