use super::records::BookAccount;
use super::{deposit, require_owner};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::{AccountClass, AccountId, CHART_LEVELS_MAX, OpenAccount, SUPPLY_MAX};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{BookId, Reason, Weight};

impl Action for OpenAccount {
    fn check(&self) -> Result<(), Reason> {
        let fits = [self.debit_max, self.credit_max].into_iter().flatten().all(|most| most <= SUPPLY_MAX);
        if fits { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        weights::keys(7)
    }

    fn reach(&self) -> Reach {
        Reach::Book
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { book, code, name, asset, class, parent, debit_max, credit_max } = *self;
        require_owner(ctx, book)?;
        let depth = match parent {
            Some(parent) => depth_under(ctx, book, parent, class)?,
            None => 1,
        };
        open_account(
            ctx,
            book,
            code,
            &BookAccount { asset, class, name, parent, depth, debit_max, credit_max },
        )
    }
}

/// The level of an account of a class that is a part of `parent`, which stands already and never changes, so that there
/// is no circle.
fn depth_under(ctx: &mut Ctx<'_>, book: BookId, parent: u32, class: AccountClass) -> Result<u8, Reason> {
    let parent = ctx.state.read(keys::book_account(book, parent)).ok_or(Reason::UnknownAccount)?;
    let fits = parent.class == class && parent.depth < CHART_LEVELS_MAX;
    parent.depth.checked_add(1).filter(|_| fits).ok_or(Reason::OutOfRange)
}

/// Opens an account in a book; the payer pays. Nobody's permission is asked here.
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
    deposit(ctx)?;
    let mut owner = ctx.state.read(keys::book(book)).ok_or(Reason::UnknownBook)?;
    ctx.state.write(keys::book_index(book, owner.accounts), &code);
    owner.accounts = owner.accounts.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::book(book), &owner);
    ctx.state.write(keys::book_account(book, code), record);
    let (account, BookAccount { asset, class, .. }) = (AccountId::Book { book, code }, record.clone());
    ctx.emit(LedgerEvent::LedgerAccountOpened { account, asset, class });
    Ok(())
}
