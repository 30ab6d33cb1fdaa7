//! Calls of the double-entry ledger.

use crate::units::BookId;
use crate::{Address, Amount, AssetId, BoundedVec, Hash, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most entries in one journal.
pub const JOURNAL_ENTRIES_MAX: usize = 64;
/// Longest a hold can stand, in ms: 90 days.
pub const HOLD_MS_MAX: u64 = 90 * 24 * 3600 * 1000;

/// The place of money: one account for each owner or book code; counters are kept for each asset apart.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum AccountId {
    /// A person's or device's own account in the public book: a liability that never goes below zero.
    Wallet {
        /// Owner.
        owner: Address,
    } = 0,
    /// An account of an organisation's book.
    Book {
        /// The book.
        book: BookId,
        /// Code within the book, chosen by its owner.
        code: u32,
    } = 1,
    /// An account of the protocol in the public book.
    System {
        /// Which.
        account: SystemAccount,
    } = 2,
    /// What `book` owes to `to` (credit balance) or is owed by it (debit balance). Posted by the ledger only.
    Due {
        /// The book whose account this is.
        book: BookId,
        /// The other book.
        to: BookId,
    } = 3,
}

/// Accounts that the protocol keeps in the public book.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SystemAccount {
    /// Counterpart of every unit in circulation.
    Issuance = 0,
    /// Fees taken, until they are paid out.
    Fees = 1,
    /// Deposits for keys in state.
    Deposits = 2,
}

/// Kind of account, by which side its balance grows.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AccountClass {
    /// Debit-normal.
    Asset = 0,
    /// Credit-normal.
    Liability = 1,
    /// Credit-normal.
    Equity = 2,
    /// Credit-normal.
    Revenue = 3,
    /// Debit-normal.
    Expense = 4,
}

impl AccountClass {
    /// Whether debits increase the balance.
    #[must_use]
    pub const fn is_debit_normal(self) -> bool {
        matches!(self, Self::Asset | Self::Expense)
    }
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Account debited.
    pub debit: AccountId,
    /// Account credited.
    pub credit: AccountId,
    /// Asset of both.
    pub asset: AssetId,
    /// More than zero.
    pub amount: Amount,
}

/// Calls to the ledger.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(
    tag = "call",
    content = "args",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[repr(u8)]
pub enum LedgerCall {
    /// Opens an organisation's book owned by the sender. The id is in the event.
    CreateBook {} = 0,
    /// Opens an account in a book the sender owns.
    OpenAccount {
        /// The book.
        book: BookId,
        /// Code, unused so far in this book.
        code: u32,
        /// Its one asset.
        asset: AssetId,
        /// Its class.
        class: AccountClass,
        /// Whether the balance may never go below zero on the normal side of the class.
        limited: bool,
    } = 1,
    /// Posts entries in order, all or none; later ones see the effect of earlier ones. The sender must own every
    /// debited wallet, and for an entry that touches a book account it must own that book.
    Journal {
        /// The entries.
        entries: BoundedVec<Entry, JOURNAL_ENTRIES_MAX>,
    } = 2,
    /// Reserves an amount. Nothing else can spend it until it is captured, voided or expired.
    Hold {
        /// Chosen by the sender; with the sender's address it makes the hold's id.
        reference: Hash,
        /// What is reserved.
        entry: Entry,
        /// Who may capture or void it.
        captor: Address,
        /// Time to live in ms of block time, at most [`HOLD_MS_MAX`].
        ttl_ms: TimeMs,
    } = 3,
    /// Posts a hold in full or in part; the rest is released. At most once.
    Capture {
        /// The hold.
        hold: Hash,
        /// How much, at most what is held; all of it when absent.
        amount: Option<Amount>,
    } = 4,
    /// Releases a hold. By the captor only: a reservation that its debtor could withdraw would protect nobody.
    Void {
        /// The hold.
        hold: Hash,
    } = 5,
}

impl LedgerCall {
    /// The call's name in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateBook {} => "create_book",
            Self::OpenAccount { .. } => "open_account",
            Self::Journal { .. } => "journal",
            Self::Hold { .. } => "hold",
            Self::Capture { .. } => "capture",
            Self::Void { .. } => "void",
        }
    }
}

/// The id of the hold that `sender` makes with `reference`.
#[must_use]
pub fn hold_id(sender: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::HOLD, &[sender.as_bytes(), reference.as_bytes()])
}
