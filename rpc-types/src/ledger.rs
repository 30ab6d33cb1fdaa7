//! `ledger_*`: books, their accounts, statements and trial balances; holds.

use crate::{Anchored, Page, PageRequest, RpcResult};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::ledger::{AccountClass, AccountId, JournalId};
use wattle_primitives::{Address, Amount, AssetId, BookId, Hash, Height, TimeMs};

/// Queries about the ledger.
pub trait LedgerQueries {
    /// An open hold; one that was captured, voided or expired is `NotFound`.
    fn ledger_hold(&self, id: Hash) -> RpcResult<Anchored<HoldInfo>>;

    /// Open holds of an account, by id: those that debit or credit it, or, of a wallet, whose captor its owner is.
    fn ledger_holds(&self, account: AccountId, page: PageRequest) -> RpcResult<Page<HoldInfo>>;

    /// An account's counters in one asset.
    fn ledger_account(&self, account: AccountId, asset: AssetId) -> RpcResult<Anchored<LedgerAccountInfo>>;

    /// A book.
    fn ledger_book(&self, book: BookId) -> RpcResult<Anchored<BookInfo>>;

    /// Books in the order in which they were opened, those of one owner or all.
    fn ledger_books(&self, owner: Option<Address>, page: PageRequest) -> RpcResult<Page<BookInfo>>;

    /// A book's accounts in the order in which they were opened.
    fn ledger_chart(&self, book: BookId, page: PageRequest) -> RpcResult<Page<ChartItem>>;

    /// Balances of a book's accounts: its cash in each asset, then its chart.
    fn ledger_trial_balance(
        &self,
        book: BookId,
        until: Until,
        page: PageRequest,
    ) -> RpcResult<Page<TrialBalanceItem>>;

    /// Dues of the public book to books in an asset, book by book.
    fn ledger_dues(&self, asset: AssetId, until: Until, page: PageRequest) -> RpcResult<Page<DueInfo>>;

    /// Postings to an account in one asset, oldest first, with its running totals.
    fn ledger_statement(
        &self,
        request: StatementRequest,
        page: PageRequest,
    ) -> RpcResult<Page<StatementLine>>;
}

methods![
    query!("ledger_getHold", "An open hold.", ledger_hold(req::<Hash>("id"))),
    list!(
        "ledger_listHolds",
        "Open holds of an account: those that debit or credit it, or whose captor its owner is.",
        ledger_holds(req::<AccountId>("account"))
    ),
    query!(
        "ledger_getAccount",
        "The four counters of an account in one asset.",
        [req::<AccountId>("account"), opt::<AssetId>("asset")],
        |node, params| {
            node.ledger_account(params.req("account")?, params.opt("asset")?.unwrap_or(AssetId::NATIVE))
        }
    ),
    query!("ledger_getBook", "A book.", ledger_book(req::<BookId>("book"))),
    list!(
        "ledger_listBooks",
        "Books in the order in which they were opened, those of one owner or all.",
        ledger_books(opt::<Address>("owner"))
    ),
    list!(
        "ledger_listAccounts",
        "A book's chart of accounts, in the order of opening.",
        ledger_chart(req::<BookId>("book"))
    ),
    list!(
        "ledger_trialBalance",
        "What stands in a book's accounts now or after a height, of all or of what is dated before a time.",
        [req::<BookId>("book"), opt::<Height>("height"), opt::<TimeMs>("toMs")],
        |node, params| {
            let until = Until { height: params.opt("height")?, to_ms: params.opt("toMs")? };
            node.ledger_trial_balance(params.req("book")?, until, params.page()?)
        }
    ),
    list!(
        "ledger_listDues",
        "What the public book owes to books in an asset: the cash paid into them and not paid out.",
        [opt::<AssetId>("asset"), opt::<Height>("height"), opt::<TimeMs>("toMs")],
        |node, params| {
            let until = Until { height: params.opt("height")?, to_ms: params.opt("toMs")? };
            node.ledger_dues(params.opt("asset")?.unwrap_or(AssetId::NATIVE), until, params.page()?)
        }
    ),
    list!(
        "ledger_statement",
        "What was posted to an account in one asset, oldest first, with running totals.",
        [
            req::<AccountId>("account"),
            opt::<AssetId>("asset"),
            opt::<TimeMs>("fromMs"),
            opt::<Height>("height"),
            opt::<TimeMs>("toMs")
        ],
        |node, params| {
            let request = StatementRequest {
                account: params.req("account")?,
                asset: params.opt("asset")?.unwrap_or(AssetId::NATIVE),
                from_ms: params.opt("fromMs")?.unwrap_or(TimeMs::ZERO),
                until: Until { height: params.opt("height")?, to_ms: params.opt("toMs")? },
            };
            node.ledger_statement(request, params.page()?)
        }
    ),
];

/// Up to when a report goes. With a height it is the same whenever it is asked for, in however many pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Until {
    /// Postings of the block of this height and those before it; the last final one when absent.
    pub height: Option<Height>,
    /// Of that, what lies before this time.
    pub to_ms: Option<TimeMs>,
}

/// Which lines of which account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementRequest {
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// Posted in blocks from this time on.
    pub from_ms: TimeMs,
    /// Posted in blocks up to then.
    pub until: Until,
}

/// An open hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HoldInfo {
    /// Its id.
    pub id: Hash,
    /// Account to be debited.
    pub debit: AccountId,
    /// Account to be credited.
    pub credit: AccountId,
    /// Its asset.
    pub asset: AssetId,
    /// Base units reserved yet.
    pub amount: Amount,
    /// Who may capture or void it.
    pub captor: Address,
    /// Block time at which it is released, ms UTC; null when it stands until its captor ends it.
    pub expires_ms: Option<TimeMs>,
}

/// The four counters of an account in one asset, base units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LedgerAccountInfo {
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Most by which debits, reserved ones included, may exceed posted credits; null without a limit.
    pub debit_max: Option<Amount>,
    /// Most by which credits, reserved ones included, may exceed posted debits; null without a limit.
    pub credit_max: Option<Amount>,
    /// Debits reserved by holds.
    pub debits_pending: Amount,
    /// Debits posted, in all.
    pub debits_posted: Amount,
    /// Credits reserved by holds.
    pub credits_pending: Amount,
    /// Credits posted, in all.
    pub credits_posted: Amount,
}

/// A book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BookInfo {
    /// Its id.
    pub id: BookId,
    /// Who owns it: an account, or a microgrid, whose id is then written as an address.
    pub owner: Address,
    /// Accounts of its chart.
    pub accounts: u32,
    /// Assets in which it has cash.
    pub assets: Vec<AssetId>,
    /// Up to here it is closed, ms UTC; 0 when it never was, or is open again.
    pub closed_ms: TimeMs,
}

/// An account of a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChartItem {
    /// Its code within the book.
    pub code: u32,
    /// Hash of its name.
    pub name: Option<Hash>,
    /// Its asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Code of the account that it is a part of.
    pub parent: Option<u32>,
    /// Most by which debits, reserved ones included, may exceed posted credits; null without a limit.
    pub debit_max: Option<Amount>,
    /// Most by which credits, reserved ones included, may exceed posted debits; null without a limit.
    pub credit_max: Option<Amount>,
}

/// Balance of an account of a book. In each asset the debits of all accounts are their credits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TrialBalanceItem {
    /// The account: of the chart, or the book's cash.
    pub account: AccountId,
    /// Its asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Code of the account that it is a part of.
    pub parent: Option<u32>,
    /// Debits posted, in all, base units.
    pub debits: Amount,
    /// Credits posted, in all, base units.
    pub credits: Amount,
}

/// Due of the public book to a book, in one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DueInfo {
    /// The book.
    pub book: BookId,
    /// Who owns it.
    pub owner: Address,
    /// The asset.
    pub asset: AssetId,
    /// Paid in and not paid out, base units.
    pub owed: Amount,
    /// The part of it that holds have reserved to go out.
    pub reserved: Amount,
}

/// A line of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StatementLine {
    /// Height of its block.
    pub height: Height,
    /// Position of its event among the block's. Null for the sum of what settlement moved between the tabs of a
    /// microgrid in this block: its events name members, not accounts (`energy_bill`).
    pub index: Option<u32>,
    /// Time of the block, ms UTC.
    pub time_ms: TimeMs,
    /// The date that it belongs to, ms UTC: its journal's, else the block's time.
    pub date_ms: TimeMs,
    /// Its transaction; null for what falls due in a block.
    pub tx: Option<Hash>,
    /// Base units debited.
    pub debit: Amount,
    /// Base units credited.
    pub credit: Amount,
    /// The other side, within the same book; null when there are several.
    pub against: Option<AccountId>,
    /// The journal that it is an entry of.
    pub journal: Option<JournalId>,
    /// The journal's reference.
    pub reference: Option<Hash>,
    /// Hash of the document behind the journal.
    pub memo: Option<Hash>,
    /// The journal that this one takes back.
    pub reverses: Option<JournalId>,
    /// Debits posted to the account since it was opened, this line included.
    pub debits: Amount,
    /// Credits likewise.
    pub credits: Amount,
}
