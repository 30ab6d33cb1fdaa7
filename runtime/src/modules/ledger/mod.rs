//! The double-entry ledger: the only writer of balances.
//!
//! # Invariants
//! - In every book and asset the debits equal the credits, posted and pending apart.
//! - A posting into or out of a private book passes through its due in the public book and its cash in its own, so all
//!   stay balanced. Private books meet there, and none takes out more than was paid in: nobody makes money by keeping a
//!   book.
//! - Of no asset there is more than [`SUPPLY_MAX`].
//! - No account passes its limits, whatever is captured, voided or expires: a hold counts against them from the
//!   start, and what it will bring in does not count until it is captured.
//! - A journal sent twice under one reference is posted once, and taken back at most once, while it is remembered.
//! - No entry is dated in a period that its book has closed.
//! - Counters fit: a hold is made only if capturing it cannot overflow.
//!
//! # Not here
//! Who may mint (`token`), fees and nonces (`execute`).

mod capture;
mod create_book;
mod hold;
mod holds;
mod invariants;
mod journal;
pub mod keys;
mod open_account;
pub mod posting;
pub mod query;
pub mod records;
mod remember;
mod set_period;
mod void;

pub(crate) use create_book::create_book;
pub(crate) use holds::{close as close_hold, release_due, reserve};
pub(super) use invariants::Rules;
pub(crate) use open_account::open_account;
pub(crate) use posting::{available, deposit, open_due, open_wallet, owner, post, refund};

use super::{Ctx, identity};
use crate::State;
use wattle_primitives::call::LedgerCall;
use wattle_primitives::call::ledger::{AccountId, Entry, SUPPLY_MAX};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{Address, Amount, AssetId, BookId, Hash, Reason};

actions! { LedgerCall { CreateBook, OpenAccount, Journal, Hold, Capture, Void, SetPeriod } }

/// Share of a block's due work, in thousandths: holds that expire.
pub(super) const DUE_SHARE: u64 = 250;
/// Keys that ending a hold of any two accounts touches at most.
const CLOSE_KEYS: u64 = 12;

/// Keys that ending the hold of an entry touches at most: hold, queue, the depositor's wallet, the deposits, both
/// accounts; for a book's also its record, and due and cash.
fn close_keys(entry: &Entry) -> u64 {
    let side = |account: &AccountId| match account {
        AccountId::Book { .. } => 4,
        AccountId::Wallet { .. }
        | AccountId::System { .. }
        | AccountId::Due { .. }
        | AccountId::Cash { .. } => 1,
    };
    4u64.saturating_add(side(&entry.debit)).saturating_add(side(&entry.credit))
}

/// Keys that an entry touches at most: both accounts; for a book's its record and the book's, due, cash and its place
/// in the list; for a wallet its owner's account and its place in the list; the asset; the payer's wallet and the
/// deposits, for what comes into being.
fn entry_keys(entry: &Entry) -> u64 {
    let side = |account: &AccountId| match account {
        AccountId::Wallet { .. } => 3,
        AccountId::Book { .. } => 6,
        AccountId::System { .. } | AccountId::Due { .. } | AccountId::Cash { .. } => 1, // refused
    };
    3u64.saturating_add(side(&entry.debit)).saturating_add(side(&entry.credit))
}

/// A wallet of `owner`.
#[must_use]
pub const fn wallet(owner: Address) -> AccountId {
    AccountId::Wallet { owner }
}

/// Posts an entry whose amount is known, and says so.
pub(crate) fn post_entry(ctx: &mut Ctx<'_>, entry: &Entry) -> Result<(), Reason> {
    let Entry { debit, credit, asset, amount, balancing: None } = *entry else {
        return Err(Reason::OutOfRange);
    };
    post(ctx, debit, credit, asset, amount)?;
    ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount, journal: None });
    Ok(())
}

fn check_entry(entry: &Entry) -> Result<(), Reason> {
    if entry.amount == Amount::ZERO {
        return Err(Reason::ZeroAmount);
    }
    if entry.amount > SUPPLY_MAX {
        return Err(Reason::OutOfRange);
    }
    if entry.debit == entry.credit {
        return Err(Reason::SameAccount);
    }
    Ok(())
}

/// Whether the sender may post this: own wallets only on the debit side, own books on either; never the protocol's.
fn allow_entry(ctx: &mut Ctx<'_>, entry: &Entry) -> Result<(), Reason> {
    let sender = ctx.on_behalf_of();
    match entry.debit {
        AccountId::Wallet { owner } if owner == sender => {}
        AccountId::Book { book, .. } => {
            require_owner(ctx, book)?;
        }
        AccountId::Wallet { .. }
        | AccountId::System { .. }
        | AccountId::Due { .. }
        | AccountId::Cash { .. } => return Err(Reason::NotAllowed),
    }
    match entry.credit {
        AccountId::Wallet { .. } => Ok(()),
        AccountId::Book { book, .. } => require_owner(ctx, book).map(drop),
        AccountId::System { .. } | AccountId::Due { .. } | AccountId::Cash { .. } => Err(Reason::NotAllowed),
    }
}

/// The book's record, if it is of whom the call is on behalf of, and within the grant.
pub(crate) fn require_owner(ctx: &mut Ctx<'_>, book: BookId) -> Result<records::Book, Reason> {
    let record = ctx.state.read(crate::keys::book(book)).ok_or(Reason::UnknownBook)?;
    if record.owner != ctx.on_behalf_of() {
        return Err(Reason::NotAllowed);
    }
    identity::permit_book(ctx, book)?;
    Ok(record)
}

/// The balance of all deposits: for the auditor.
pub(crate) fn deposits(state: &State) -> Amount {
    let balance = state.read(crate::keys::balance(&posting::DEPOSITS, AssetId::NATIVE));
    balance.unwrap_or_default().available()
}

/// The amount held for the order or deal `id`, zero when nothing is: for the auditor.
pub(crate) fn held(state: &State, id: &Hash) -> Amount {
    let hold = state.read(crate::keys::hold(id)).filter(|hold| hold.owned);
    hold.map_or(Amount::ZERO, |hold| hold.entry.amount)
}
