//! Holds: money reserved now and posted later, in full or in parts, each unit at most once.
//!
//! A hold is over at the first block time that reaches `expires_ms`, whether or not the block had room to release it:
//! capturing or voiding it fails from then on, and only the queue gives the money back.
//!
//! A hold may have no end of its own: `expires_ms` is then [`TimeMs::MAX`], it does not stand in the queue, and its
//! captor closes it. So does the module that made it for what it keeps itself: an order, an authorisation.

use super::close_keys;
use super::posting::{Movement, deposit, move_money, refund};
use super::records::Hold;
use crate::keys::{self, Key};
use crate::modules::{Ctx, identity, weights};
use crate::records::Due;
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{Address, Amount, Hash, Reason, TimeMs, Weight, planted};

/// Reserves what `entry` says for the order or deal `id`, which ends it; the payer pays the deposit. Nobody's
/// permission is asked here.
pub(crate) fn reserve(ctx: &mut Ctx<'_>, id: &Hash, entry: &Entry, captor: Address) -> Result<(), Reason> {
    make(ctx, id, entry, captor, TimeMs::MAX, true)
}

/// As [`reserve`], for whoever is going to end it.
pub(super) fn make(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    entry: &Entry,
    captor: Address,
    expires_ms: TimeMs,
    owned: bool,
) -> Result<(), Reason> {
    let queue = queued(id, expires_ms);
    if ctx.state.contains(keys::hold(id)) || queue.is_some_and(|key| ctx.state.contains(key)) {
        return Err(Reason::AlreadyExists);
    }
    let deposit = deposit(ctx)?;
    let Entry { debit, credit, asset, amount, balancing: None } = *entry else {
        return Err(Reason::OutOfRange);
    };
    move_money(ctx, debit, credit, asset, Movement::Reserve(amount.0))?;
    ctx.state.write(keys::hold(id), &Hold { entry: entry.clone(), captor, expires_ms, owned, deposit });
    if let Some(key) = queue {
        ctx.state.write(key, &Due::Hold(*id));
    }
    ctx.emit(LedgerEvent::HoldCreated { hold: *id, debit, credit, asset, amount, expires_ms });
    Ok(())
}

/// Where a hold stands in the queue, if it has an end of its own.
fn queued(id: &Hash, expires_ms: TimeMs) -> Option<Key<Due>> {
    (expires_ms < TimeMs::MAX).then(|| keys::queue(expires_ms, &Due::Hold(*id)))
}

/// Ends a hold on behalf of `captor`: posts `amount` of it, which may be nothing, and releases the rest.
pub(crate) fn close(ctx: &mut Ctx<'_>, id: &Hash, captor: Address, amount: Amount) -> Result<(), Reason> {
    let hold = open_for(ctx, id, captor)?;
    match amount {
        Amount::ZERO => release(ctx, id, &hold, false),
        amount => capture_open(ctx, id, hold, amount, After::End),
    }
}

/// Fate of the rest of a hold when a part is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It is released.
    End,
    /// It stays held.
    Stand,
}

/// Posts `captured` of an open hold.
pub(super) fn capture_open(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    mut hold: Hold,
    captured: Amount,
    after: After,
) -> Result<(), Reason> {
    let rest = hold.entry.amount.checked_sub(captured).ok_or(Reason::ExceedsHold)?;
    let (released, left) = if after == After::End { (rest, Amount::ZERO) } else { (Amount::ZERO, rest) };
    let Entry { debit, credit, asset, .. } = hold.entry;
    if left == Amount::ZERO {
        settle(ctx, id, &hold, captured)?;
    } else {
        let part = Movement::Settle { held: captured.0, captured: captured.0 };
        move_money(ctx, debit, credit, asset, part)?;
        hold.entry.amount = left;
        ctx.state.write(keys::hold(id), &hold);
    }
    ctx.emit(LedgerEvent::HoldCaptured { hold: *id, captured, released, left });
    ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount: captured, journal: None });
    if left == Amount::ZERO { refund(ctx, &hold.deposit) } else { Ok(()) }
}

/// Releases a hold, if it stands and has expired. Reserving checked that this is possible.
pub(crate) fn release_due(ctx: &mut Ctx<'_>, id: &Hash) -> (Weight, Result<(), Reason>) {
    let hold = ctx.state.read::<Hold>(keys::hold(id)).filter(|hold| hold.expires_ms <= ctx.time_ms());
    let weight = weights::keys(hold.as_ref().map_or(2, |hold| close_keys(&hold.entry)));
    let Some(hold) = hold else { return (weight, Ok(())) }; // it is gone already, or another of its name stands
    (weight, release(ctx, id, &hold, true))
}

/// A hold that is not over, if `captor` may capture or void it.
pub(super) fn open_for(ctx: &mut Ctx<'_>, id: &Hash, captor: Address) -> Result<Hold, Reason> {
    let hold: Hold = ctx.state.read(keys::hold(id)).ok_or(Reason::UnknownHold)?;
    if hold.expires_ms <= ctx.time_ms() && !planted!("hold-captured-late") {
        return Err(Reason::UnknownHold);
    }
    if hold.captor != captor {
        return Err(Reason::NotAllowed);
    }
    identity::permit_entry(ctx, &hold.entry)?;
    Ok(hold)
}

/// Releases an open hold.
pub(super) fn release(ctx: &mut Ctx<'_>, id: &Hash, hold: &Hold, expired: bool) -> Result<(), Reason> {
    settle(ctx, id, hold, Amount::ZERO)?;
    ctx.emit(LedgerEvent::HoldReleased { hold: *id, amount: hold.entry.amount, expired });
    refund(ctx, &hold.deposit)
}

fn settle(ctx: &mut Ctx<'_>, id: &Hash, hold: &Hold, captured: Amount) -> Result<(), Reason> {
    let Entry { debit, credit, asset, amount, .. } = hold.entry;
    move_money(ctx, debit, credit, asset, Movement::Settle { held: amount.0, captured: captured.0 })?;
    if captured == Amount::ZERO && planted!("hold-expired-twice") {
        return Ok(());
    }
    ctx.state.remove(keys::hold(id));
    if let Some(key) = queued(id, hold.expires_ms) {
        ctx.state.remove(key);
    }
    Ok(())
}
