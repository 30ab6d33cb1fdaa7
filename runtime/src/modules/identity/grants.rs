//! Acting on another's behalf, by a grant: once in a transaction, for all of its calls.
//!
//! The ledger is the judge of what is spent: whatever posts or reserves money of the grantor's debits the grant,
//! whichever call it comes from. What only makes a debt that is collected later spends nothing now, so the grant has to
//! name it. All of it is undone with the calls when one fails.

use super::records::Grant;
use crate::keys;
use crate::modules::ledger::{self, posting::DEPOSITS};
use crate::modules::{Action as _, Ctx, Reach, weights};
use wattle_primitives::call::identity::Calls;
use wattle_primitives::call::ledger::{AccountId, Entry};
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Amount, AssetId, BookId, Call, Hash, Reason, Weight, planted};

/// Keys that a transaction by a grant touches besides its calls' own: the grant, and whose the accounts of an entry
/// are.
const USE_KEYS: u64 = 1;
const CALL_KEYS: u64 = 2;

/// Weight of a grant's use for so many calls.
pub(crate) fn weight(calls: usize) -> Weight {
    let calls = u64::try_from(calls).unwrap_or(u64::MAX);
    weights::keys(calls.saturating_mul(CALL_KEYS).saturating_add(USE_KEYS))
}

/// Acts on the grantor's behalf from here on, by the grant `id`.
pub(crate) fn act(ctx: &mut Ctx<'_>, id: &Hash) -> Result<(), Reason> {
    let mut grant = read(ctx, id)?;
    if grant.grantee != ctx.actor() && !planted!("grant-of-another") {
        return Err(Reason::NotAllowed);
    }
    grant.allowance.begin(ctx.time_ms())?;
    ctx.state.write(keys::grant(id), &grant);
    ctx.act_for(grant.grantor, *id);
    let Grant { grantor, grantee, .. } = grant;
    ctx.emit(IdentityEvent::GrantUsed { grant: *id, grantor, grantee });
    Ok(())
}

fn read(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Grant, Reason> {
    ctx.state.read(keys::grant(id)).ok_or(Reason::UnknownGrant)
}

/// Whether the call may be made: it may, where no grant is used.
pub(crate) fn permit(ctx: &mut Ctx<'_>, call: &Call) -> Result<(), Reason> {
    let Some(id) = ctx.grant() else { return Ok(()) };
    let grant = read(ctx, &id)?;
    grant.allowance.allow(call.kind())?;
    let limits = &grant.allowance.limits;
    let named = matches!(limits.calls, Calls::Only(_));
    *ctx.book_unnamed() = !limits.books.is_empty();
    let reached = match call.reach() {
        Reach::Book => true, // if it names one: see `named_book`
        Reach::Any => limits.books.is_empty(),
        Reach::Named => named && limits.books.is_empty(),
        Reach::Never => false,
    };
    if reached { Ok(()) } else { Err(Reason::CallNotGranted) }
}

/// Whether the call that ran has named a book, where the grant in use is for certain books: one that asked for no
/// permission may have touched any.
pub(crate) const fn named_book(ctx: &mut Ctx<'_>) -> Result<(), Reason> {
    if *ctx.book_unnamed() { Err(Reason::CallNotGranted) } else { Ok(()) }
}

/// Debits the grant in use, if any, with what leaves the grantor's accounts. A deposit does not: its payer's limits
/// cover it.
pub(crate) fn spend(
    ctx: &mut Ctx<'_>,
    debit: &AccountId,
    credit: &AccountId,
    asset: AssetId,
    amount: Amount,
) -> Result<(), Reason> {
    let Some(id) = ctx.grant() else { return Ok(()) };
    let grantor = Some(ctx.on_behalf_of());
    if amount == Amount::ZERO || *credit == DEPOSITS || ledger::owner(ctx, debit, asset) != grantor {
        return Ok(());
    }
    let mut grant = read(ctx, &id)?;
    let limits = &grant.allowance.limits;
    if !of_books(&limits.books, debit) {
        return Err(Reason::NotAllowed);
    }
    let payee = ledger::owner(ctx, credit, asset);
    let named = payee.is_some_and(|payee| limits.counterparties.contains(&payee));
    if payee != grantor && !limits.counterparties.is_empty() && !named {
        return Err(Reason::CounterpartyNotGranted);
    }
    if !planted!("grant-not-debited") {
        let cosigned = ctx.cosigned();
        grant.allowance.spend(ctx.time_ms(), asset, amount, cosigned)?;
        ctx.state.write(keys::grant(&id), &grant);
    }
    Ok(())
}

/// Whether an account is of one of these books; any is where there are none.
fn of_books(books: &[BookId], account: &AccountId) -> bool {
    let of = match account {
        AccountId::Book { book, .. } | AccountId::Due { book } | AccountId::Cash { book } => {
            books.contains(book)
        }
        AccountId::Wallet { .. } | AccountId::System { .. } => false,
    };
    of || books.is_empty()
}

/// Whether the grant in use, if any, is for this book.
pub(crate) fn permit_book(ctx: &mut Ctx<'_>, book: BookId) -> Result<(), Reason> {
    let Some(id) = ctx.grant() else { return Ok(()) };
    let limits = read(ctx, &id)?.allowance.limits;
    named(ctx, limits.books.is_empty() || limits.books.contains(&book))
}

/// Whether the grant in use, if any, is for one side of this entry.
pub(crate) fn permit_entry(ctx: &mut Ctx<'_>, entry: &Entry) -> Result<(), Reason> {
    let Some(id) = ctx.grant() else { return Ok(()) };
    let books = read(ctx, &id)?.allowance.limits.books;
    let one = of_books(&books, &entry.debit) || of_books(&books, &entry.credit);
    named(ctx, one)
}

const fn named(ctx: &mut Ctx<'_>, one_of_them: bool) -> Result<(), Reason> {
    if !one_of_them {
        return Err(Reason::NotAllowed);
    }
    *ctx.book_unnamed() = false;
    Ok(())
}
