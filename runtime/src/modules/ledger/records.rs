//! The ledger's values in state. Their encodings are part of the protocol.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::call::ledger::{AccountClass, Entry, JournalId};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::{Address, Amount, AssetId, Hash, TimeMs};

pub use wattle_primitives::state_key::{BalanceRecord as Balance, Deposit};

/// An organisation's book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Book {
    /// Its owner.
    pub owner: Address,
    /// Accounts opened, listed under [`crate::keys::book_index`].
    pub accounts: u32,
    /// Assets in which it has cash, listed under [`crate::keys::book_asset`].
    pub assets: u32,
    /// Up to here it is closed: entries are dated from then on.
    pub closed_ms: TimeMs,
}

/// An account of a book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BookAccount {
    /// Its one asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Hash of its name.
    pub name: Option<Hash>,
    /// The account that it is a part of.
    pub parent: Option<u32>,
    /// Its level in the chart: 1 without a parent.
    pub depth: u8,
    /// Most by which debits, reserved ones included, may exceed posted credits, base units.
    pub debit_max: Option<Amount>,
    /// Most by which credits, reserved ones included, may exceed posted debits, base units.
    pub credit_max: Option<Amount>,
}

/// A journal that its account posted under a reference.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PostedJournal {
    /// Hash of all of it.
    pub input: Hash,
    /// Hash of its entries.
    pub entries: Hash,
    /// Where it stands.
    pub posted: JournalId,
    /// The date of its entries: its own, else the block's time.
    pub date_ms: TimeMs,
    /// Whether a later one took it back.
    pub reversed: bool,
}

/// An open hold. Gone once all of it is captured, voided or expired.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hold {
    /// The reserved entry: accounts, asset and the amount that is still held.
    pub entry: Entry,
    /// Who may capture or void it.
    pub captor: Address,
    /// First block time at which it is over; [`TimeMs::MAX`] when only its captor ends it.
    pub expires_ms: TimeMs,
    /// Whether the order or deal of the same id made it, and ends it; else a call of hold did.
    pub owned: bool,
    /// Deposit for its key.
    pub deposit: Deposit,
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
