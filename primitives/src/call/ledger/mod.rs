//! Calls of the double-entry ledger.

mod capture;
mod create_book;
mod hold;
mod journal;
mod open_account;
mod set_period;
mod void;

pub use capture::Capture;
pub use create_book::CreateBook;
pub use hold::Hold;
pub use journal::Journal;
pub use open_account::OpenAccount;
pub use set_period::SetPeriod;
pub use void::Void;

use crate::{Address, Amount, AssetId, BookId, Hash, Height};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most entries in one journal.
pub const JOURNAL_ENTRIES_MAX: usize = 64;
/// Most base units of an asset that there are at one time, and most that one entry moves: sums of sums stay far below
/// the range of the counters.
pub const SUPPLY_MAX: Amount = Amount(1 << 80);
/// Journals of an account that are remembered by their references: the last ones.
pub const JOURNALS_REMEMBERED: u32 = 1024;
/// Most levels of a book's chart: an account without a parent is on the first.
pub const CHART_LEVELS_MAX: u8 = 8;
/// Longest time to live of a hold that has one, in ms: 90 days.
pub const HOLD_MS_MAX: u64 = 90 * 24 * 3600 * 1000;

/// The place of money: one account for each owner or book code; counters are kept for each asset apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum AccountId {
    /// A person's or device's own account in the public book: a liability that never goes below zero.
    Wallet {
        /// Account that owns it.
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
        /// Which of the protocol's accounts.
        account: SystemAccount,
    } = 2,
    /// Liability of the public book to `book`: cash paid in and not yet paid out. Never below zero. Posted by the
    /// ledger only.
    Due {
        /// The book that is owed.
        book: BookId,
    } = 3,
    /// Asset of `book`: the same cash, with debits and credits exchanged. Posted by the ledger only.
    Cash {
        /// The book.
        book: BookId,
    } = 4,
}

impl AccountId {
    /// Whose wallet it is, if it is one.
    #[must_use]
    pub const fn wallet_owner(&self) -> Option<Address> {
        match self {
            Self::Wallet { owner } => Some(*owner),
            Self::Book { .. } | Self::System { .. } | Self::Due { .. } | Self::Cash { .. } => None,
        }
    }
}

/// Accounts that the protocol keeps in the public book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AccountClass {
    /// Property and claims of the book; debits increase it.
    Asset = 0,
    /// Debts of the book; credits increase it.
    Liability = 1,
    /// Capital of the book's owner; credits increase it.
    Equity = 2,
    /// Income of the book; credits increase it.
    Revenue = 3,
    /// Costs of the book; debits increase it.
    Expense = 4,
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Account debited.
    pub debit: AccountId,
    /// Account credited.
    pub credit: AccountId,
    /// Asset of both.
    pub asset: AssetId,
    /// More than zero; the most that is moved, where `balancing` caps it.
    pub amount: Amount,
    /// Which side caps it at what is there; neither when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balancing: Option<Balancing>,
}

impl Entry {
    /// An entry of exactly `amount`.
    #[must_use]
    pub const fn new(debit: AccountId, credit: AccountId, asset: AssetId, amount: Amount) -> Self {
        Self { debit, credit, asset, amount, balancing: None }
    }
}

/// The side of an entry that caps its amount at what is there, base units. What is reserved is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Balancing {
    /// By how much the debited account's posted credits exceed its debits.
    Debit = 0,
    /// By how much the credited account's posted debits exceed its credits.
    Credit = 1,
    /// The smaller of the two.
    Both = 2,
}

/// Where a journal stands: the name of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JournalId {
    /// Height of its block.
    pub height: Height,
    /// Position among the block's events.
    pub index: u32,
}

calls! {
    /// Calls to the ledger.
    Ledger(LedgerCall) {
        create_book: CreateBook = 0,
        open_account: OpenAccount = 1,
        journal: Journal = 2,
        hold: Hold = 3,
        capture: Capture = 4,
        void: Void = 5,
        set_period: SetPeriod = 6,
    }
}

/// The id of the hold that `sender` makes with `reference`.
#[must_use]
pub fn hold_id(sender: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::HOLD, &[sender.as_bytes(), reference.as_bytes()])
}
