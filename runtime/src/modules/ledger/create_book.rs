use super::deposit;
use super::records::Book;
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::CreateBook;
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{Address, BookId, Hash, Reason, TimeMs, Weight};

impl Action for CreateBook {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(8)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        create_book(ctx, ctx.on_behalf_of(), &self.reference).map(drop)
    }
}

/// Opens a book for `owner`; the payer pays.
pub(crate) fn create_book(ctx: &mut Ctx<'_>, owner: Address, reference: &Hash) -> Result<BookId, Reason> {
    let book = BookId::of(&owner, reference);
    if ctx.state.contains(keys::book(book)) {
        return Err(Reason::AlreadyExists);
    }
    deposit(ctx)?;
    let mut counters = ctx.counters();
    ctx.state.write(keys::book_number(counters.books), &book);
    counters.books = counters.books.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::counters(), &counters);
    let owned = ctx.state.read(keys::owned_books(&owner)).unwrap_or(0);
    ctx.state.write(keys::owned_book(&owner, owned), &book);
    ctx.state.write(keys::owned_books(&owner), &owned.checked_add(1).ok_or(Reason::Overflow)?);
    ctx.state.write(keys::book(book), &Book { owner, accounts: 0, assets: 0, closed_ms: TimeMs::ZERO });
    ctx.emit(LedgerEvent::BookCreated { book, owner });
    Ok(book)
}
