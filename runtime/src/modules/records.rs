//! The values in state. Their encodings are part of the protocol.
//!
//! Accounts, balances and meters are read by light clients too, so their records are defined with the primitives. What
//! only the energy module reads is in [`super::energy::records`].

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::call::ledger::{AccountClass, Entry};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::{Address, Amount, AssetId, Hash, TimeMs};

pub use wattle_primitives::state_key::{
    AccountRecord as Account, BalanceRecord as Balance, LastReading, MeterRecord as Meter,
};

/// Numbers given out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Counters {
    /// Assets, the native one included: the next id.
    pub assets: u32,
    /// Books, the public one included: the next id.
    pub books: u64,
    /// Microgrids.
    pub microgrids: u32,
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
    /// What is reserved.
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

/// A sponsorship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sponsorship {
    /// Native base units left.
    pub allowance: Amount,
    /// First block time at which it is over.
    pub expires_ms: TimeMs,
    /// What the sponsor gets back when it ends it.
    pub deposit: Amount,
}

/// What falls due at a time: the values of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Due {
    /// A hold expires.
    Hold(Hash) = 0,
    /// A microgrid clears, settles or ends an interval.
    Microgrid(Hash) = 1,
    /// A deal's request or authorisation expires.
    Deal(Hash) = 2,
    /// An order expires.
    Order(Hash) = 3,
}

impl Due {
    /// The id that makes the queue's key.
    #[must_use]
    pub const fn id(&self) -> &Hash {
        match self {
            Self::Hold(id) | Self::Microgrid(id) | Self::Deal(id) | Self::Order(id) => id,
        }
    }
}
