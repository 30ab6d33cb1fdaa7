use super::records::BookAccount;
use super::{deposit, require_owner};
use crate::keys;
use crate::modules::{Action, Ctx, weights};
use wattle_primitives::call::ledger::{AccountId, OpenAccount};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::units::BookId;
use wattle_primitives::{Reason, Weight};

impl Action for OpenAccount {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(6)
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { book, code, asset, class, limited } = *self;
        require_owner(ctx, book)?;
        open_account(ctx, book, code, &BookAccount { asset, class, limited })
    }
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
    let mut owner = ctx.state.read(keys::book(book)).ok_or(Reason::UnknownBook)?;
    ctx.state.write(keys::book_index(book, owner.accounts), &code);
    owner.accounts = owner.accounts.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::book(book), &owner);
    ctx.state.write(keys::book_account(book, code), record);
    let (account, BookAccount { asset, class, .. }) = (AccountId::Book { book, code }, record.clone());
    ctx.emit(LedgerEvent::LedgerAccountOpened { account, asset, class });
    Ok(())
}
