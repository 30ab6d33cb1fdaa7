//! The paygo module's values in state. Their encodings are part of the protocol; those that light clients read are
//! defined with the primitives.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::call::paygo::TokenKind;
use wattle_primitives::{Amount, AssetId, Hash};

pub use wattle_primitives::state_key::{
    AuthorisationRecord as Authorisation, ContractRecord as Contract, Deposit, DeviceRecord as Device,
    DeviceStatus,
};

/// An operator of pay-as-you-go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Operator {
    /// The asset in which it is paid.
    pub asset: AssetId,
    /// The asset of its devices' credit: a unit is a Wh. Nobody's key can issue it.
    pub energy: AssetId,
    /// Most raw units issued for a device in a day.
    pub daily_cap: u32,
    /// Devices, listed under [`crate::keys::device_index`].
    pub devices: u32,
}

/// A token that was reserved or issued, until it is redeemed or forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TokenRecord {
    /// Commitment to it.
    pub commitment: Hash,
    /// Its effect.
    pub kind: TokenKind,
    /// The value in the commitment: of a reserved one the most that it may be worth.
    pub most: u32,
    /// Its state.
    pub state: TokenState,
    /// Deposit for its key.
    pub deposit: Deposit,
}

/// State of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TokenState {
    /// It can be sold.
    Reserved = 0,
    /// It was sold or given.
    Issued(Sale) = 1,
    /// That was taken back; it was no more than reserved without a sale.
    Voided(Option<Sale>) = 2,
    /// It was redeemed for this value before its sale was told.
    Taken(u32) = 3,
}

/// The sale of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sale {
    /// Its value, raw units.
    pub value: u32,
    /// Its price, base units.
    pub price: Amount,
    /// Origin of that.
    pub from: PaidFrom,
}

/// Origin of the money for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PaidFrom {
    /// It came by hand, or there was none.
    Hand = 0,
    /// An account.
    Account(AccountId) = 1,
    /// It is owed.
    Debt = 2,
}
