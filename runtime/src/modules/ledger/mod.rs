//! The double-entry ledger: the only writer of balances.
//!
//! # Invariants
//! - In every book and asset the debits equal the credits, posted and pending apart.
//! - A posting between books passes through an account of dues in each, so both stay balanced.
//! - A limited account never shows the wrong sign, whatever is captured, voided or expires: a hold counts against
//!   its limit from the start, and what it will bring in does not count until it is captured.
//! - Counters fit: a hold is made only if capturing it cannot overflow.
//!
//! # Not here
//! Who may mint (`token`), fees and nonces (`execute`).

mod hold;
pub mod posting;

pub(crate) use hold::{close as close_hold, release_due, reserve};
pub(crate) use posting::{available, deposit, open_dues, open_wallet, post, refund};

use super::records::{Book, BookAccount};
use super::{Ctx, Module, weights};
use crate::keys;
use wattle_primitives::call::LedgerCall;
use wattle_primitives::call::ledger::{AccountClass, AccountId, Entry, HOLD_MS_MAX};
use wattle_primitives::units::BookId;
use wattle_primitives::{Address, Amount, AssetId, Event, Reason, Weight};

/// The module.
#[derive(Debug)]
pub struct Ledger;

/// Keys that one entry touches at most: two accounts, two dues, a new wallet (record, list entry), the deposits.
const ENTRY_KEYS: u64 = 8;

impl Module for Ledger {
    type Call = LedgerCall;

    fn check(call: &LedgerCall) -> Result<(), Reason> {
        match call {
            LedgerCall::CreateBook {} | LedgerCall::OpenAccount { .. } | LedgerCall::Void { .. } => Ok(()),
            LedgerCall::Journal { entries } if entries.is_empty() => Err(Reason::OutOfRange),
            LedgerCall::Journal { entries } => entries.iter().try_for_each(check_entry),
            LedgerCall::Hold { entry, ttl_ms, .. } => {
                if ttl_ms.0 == 0 || ttl_ms.0 > HOLD_MS_MAX {
                    return Err(Reason::BadTime);
                }
                check_entry(entry)
            }
            LedgerCall::Capture { amount, .. } => match amount {
                Some(Amount(0)) => Err(Reason::ZeroAmount),
                _ => Ok(()),
            },
        }
    }

    fn weight(call: &LedgerCall) -> Weight {
        match call {
            LedgerCall::CreateBook {} => weights::keys(4),
            LedgerCall::OpenAccount { .. } => weights::keys(6),
            LedgerCall::Journal { entries } => {
                let entries = u64::try_from(entries.len()).unwrap_or(u64::MAX);
                weights::keys(entries.saturating_mul(ENTRY_KEYS))
            }
            LedgerCall::Hold { .. } => weights::keys(ENTRY_KEYS.saturating_add(3)),
            LedgerCall::Capture { .. } | LedgerCall::Void { .. } => weights::keys(8),
        }
    }

    fn execute(ctx: &mut Ctx<'_>, call: &LedgerCall) -> Result<(), Reason> {
        match call {
            LedgerCall::CreateBook {} => create_book(ctx, ctx.sender()).map(drop),
            LedgerCall::OpenAccount { book, code, asset, class, limited } => {
                let record = BookAccount { asset: *asset, class: *class, limited: *limited };
                require_owner(ctx, *book)?;
                open_account(ctx, *book, *code, &record)
            }
            LedgerCall::Journal { entries } => entries.iter().try_for_each(|entry| {
                allow_entry(ctx, entry)?;
                post_entry(ctx, entry)
            }),
            LedgerCall::Hold { reference, entry, captor, ttl_ms } => {
                allow_entry(ctx, entry)?;
                hold::create(ctx, reference, entry, *captor, *ttl_ms)
            }
            LedgerCall::Capture { hold, amount } => hold::capture(ctx, hold, *amount),
            LedgerCall::Void { hold } => hold::void(ctx, hold),
        }
    }
}

/// A wallet of `owner`.
#[must_use]
pub const fn wallet(owner: Address) -> AccountId {
    AccountId::Wallet { owner }
}

/// Posts and says so.
pub(crate) fn post_entry(ctx: &mut Ctx<'_>, entry: &Entry) -> Result<(), Reason> {
    let Entry { debit, credit, asset, amount } = *entry;
    post(ctx, debit, credit, asset, amount)?;
    ctx.emit(Event::Posted { debit, credit, asset, amount });
    Ok(())
}

fn check_entry(entry: &Entry) -> Result<(), Reason> {
    if entry.amount == Amount::ZERO {
        return Err(Reason::ZeroAmount);
    }
    if entry.debit == entry.credit {
        return Err(Reason::SameAccount);
    }
    Ok(())
}

/// Whether the sender may post this: own wallets only on the debit side, own books on either; never the protocol's.
fn allow_entry(ctx: &mut Ctx<'_>, entry: &Entry) -> Result<(), Reason> {
    let sender = ctx.sender();
    match entry.debit {
        AccountId::Wallet { owner } if owner == sender => {}
        AccountId::Book { book, .. } => require_owner(ctx, book)?,
        _ => return Err(Reason::NotAllowed),
    }
    match entry.credit {
        AccountId::Wallet { .. } => Ok(()),
        AccountId::Book { book, .. } => require_owner(ctx, book),
        AccountId::System { .. } | AccountId::Due { .. } => Err(Reason::NotAllowed),
    }
}

fn require_owner(ctx: &mut Ctx<'_>, book: BookId) -> Result<(), Reason> {
    let record: Book = ctx.state.read(keys::book(book)).ok_or(Reason::UnknownBook)?;
    if record.owner == ctx.sender() { Ok(()) } else { Err(Reason::NotAllowed) }
}

/// Opens a book for `owner`; the sender pays.
pub(crate) fn create_book(ctx: &mut Ctx<'_>, owner: Address) -> Result<BookId, Reason> {
    deposit(ctx, ctx.sender())?;
    let mut counters = ctx.counters();
    let book = BookId(counters.books);
    counters.books = counters.books.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::counters(), &counters);
    ctx.state.write(keys::book(book), &Book { owner, accounts: 0 });
    ctx.emit(Event::BookCreated { book, owner });
    Ok(book)
}

/// Opens an account in a book; the sender pays. Nobody's permission is asked here.
pub(crate) fn open_account(
    ctx: &mut Ctx<'_>,
    book: BookId,
    code: u32,
    record: &BookAccount,
) -> Result<(), Reason> {
    if !ctx.state.contains(keys::asset(record.asset)) {
        return Err(Reason::UnknownAsset);
    }
    if ctx.state.contains(keys::book_account(book, code)) {
        return Err(Reason::AlreadyExists);
    }
    let sender = ctx.sender();
    deposit(ctx, sender)?;
    let mut owner: Book = ctx.state.read(keys::book(book)).ok_or(Reason::UnknownBook)?;
    ctx.state.write(keys::book_index(book, owner.accounts), &code);
    owner.accounts = owner.accounts.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::book(book), &owner);
    ctx.state.write(keys::book_account(book, code), record);
    opened(ctx, AccountId::Book { book, code }, record.asset, record.class);
    Ok(())
}

fn opened(ctx: &mut Ctx<'_>, account: AccountId, asset: AssetId, class: AccountClass) {
    ctx.emit(Event::LedgerAccountOpened { account, asset, class });
}
