use super::deposit;
use super::records::Book;
use crate::keys;
use crate::modules::{Action, Ctx, weights};
use wattle_primitives::call::ledger::CreateBook;
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::units::BookId;
use wattle_primitives::{Address, Reason, Weight};

impl Action for CreateBook {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(5)
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        create_book(ctx, ctx.sender()).map(drop)
    }
}

/// Opens a book for `owner`; the sender pays.
pub(crate) fn create_book(ctx: &mut Ctx<'_>, owner: Address) -> Result<BookId, Reason> {
    deposit(ctx, ctx.sender())?;
    let mut counters = ctx.counters();
    let book = BookId(counters.books);
    counters.books = counters.books.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::counters(), &counters);
    ctx.state.write(keys::book(book), &Book { owner, accounts: 0 });
    ctx.emit(LedgerEvent::BookCreated { book, owner });
    Ok(book)
}
