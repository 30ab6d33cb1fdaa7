//! The journals of an account that are remembered by their references: the last [`JOURNALS_REMEMBERED`].
//!
//! A journal sent twice takes effect once, and a posted one can be taken back once. Numbered places, used in turn,
//! tell which reference is forgotten when a new one comes; so there is nothing to expire. The first use of a place
//! costs a deposit, which stays: the place is used for ever.
//!
//! Only what took effect is remembered. A failed transaction rolls back all but nonce and fee, so a reference that
//! failed is free, and the same journal may take effect later: whoever must rule that out lets the transaction expire
//! first.

use super::deposit;
use super::records::PostedJournal;
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::call::ledger::{Entry, JOURNALS_REMEMBERED, JournalId};
use wattle_primitives::{Address, Hash, Reason, TimeMs, domain};

/// Keys that remembering touches at most: the count, the place, the journal, the one forgotten; the payer's wallet and
/// the deposits.
pub(super) const KEYS: u64 = 6;

/// Where the journal stands, if the account posted the same under this reference.
pub(super) fn repeated(
    ctx: &mut Ctx<'_>,
    account: &Address,
    reference: &Hash,
    input: &Hash,
) -> Result<Option<JournalId>, Reason> {
    match ctx.state.read(keys::journal(account, reference)) {
        Some(known) if known.input == *input => Ok(Some(known.posted)),
        Some(_) => Err(Reason::ReferenceUsed),
        None => Ok(None),
    }
}

/// Remembers a journal whose event comes next.
pub(super) fn add(
    ctx: &mut Ctx<'_>,
    account: &Address,
    reference: &Hash,
    input: Hash,
    entries: &[Entry],
    date_ms: TimeMs,
) -> Result<(), Reason> {
    let count = ctx.state.read(keys::journals(account)).unwrap_or(0);
    let place = keys::journal_place(account, count.checked_rem(u64::from(JOURNALS_REMEMBERED)).unwrap_or(0));
    match ctx.state.read(place) {
        Some(forgotten) => ctx.state.remove(keys::journal(account, &forgotten)),
        None => drop(deposit(ctx)?),
    }
    ctx.state.write(place, reference);
    ctx.state.write(keys::journals(account), &count.checked_add(1).ok_or(Reason::Overflow)?);
    let posted = JournalId { height: ctx.env().height, index: ctx.next_event() };
    let known = PostedJournal { input, entries: hash_of(entries), posted, date_ms, reversed: false };
    ctx.state.write(keys::journal(account, reference), &known);
    Ok(())
}

/// Notes what was posted of a journal that was remembered before, where that is less than it asked for.
pub(super) fn amend(
    ctx: &mut Ctx<'_>,
    account: &Address,
    reference: &Hash,
    done: &[Entry],
) -> Result<(), Reason> {
    let key = keys::journal(account, reference);
    let mut known = ctx.state.read(key).ok_or(Reason::UnknownJournal)?;
    known.entries = hash_of(done);
    ctx.state.write(key, &known);
    Ok(())
}

/// Marks an earlier journal as taken back by `entries` of a date that is not before its own, and says where it stands.
pub(super) fn take_back(
    ctx: &mut Ctx<'_>,
    account: &Address,
    reference: &Hash,
    entries: &[Entry],
    date_ms: TimeMs,
) -> Result<JournalId, Reason> {
    let key = keys::journal(account, reference);
    let mut known = ctx.state.read(key).ok_or(Reason::UnknownJournal)?;
    if known.reversed {
        return Err(Reason::AlreadyReversed);
    }
    let exchanged = |entry: &Entry| Entry { debit: entry.credit, credit: entry.debit, ..entry.clone() };
    if hash_of(&entries.iter().map(exchanged).collect::<Vec<_>>()) != known.entries {
        return Err(Reason::BadReversal);
    }
    if date_ms < known.date_ms {
        return Err(Reason::BadTime);
    }
    known.reversed = true;
    ctx.state.write(key, &known);
    Ok(known.posted)
}

fn hash_of(entries: &[Entry]) -> Hash {
    Hash::of_encoded(domain::JOURNAL_ENTRIES, &entries)
}
