//! The ledger module's keys in state.

use super::records::{Asset, Book, BookAccount, Hold, PostedJournal};
use crate::key::{Key, tag};
use wattle_primitives::{Address, AssetId, BookId, Hash};

pub use wattle_primitives::state_key::balance;

/// The account's asset number `index`.
#[must_use]
pub fn account_asset(address: &Address, index: u32) -> Key<AssetId> {
    Key::new(tag::ACCOUNT_ASSET).with(address.as_bytes()).with(&index.to_le_bytes())
}

/// A book.
#[must_use]
pub fn book(book: BookId) -> Key<Book> {
    Key::new(tag::BOOK).with(&book.0)
}

/// An account of a book.
#[must_use]
pub fn book_account(book: BookId, code: u32) -> Key<BookAccount> {
    Key::new(tag::BOOK_ACCOUNT).with(&book.0).with(&code.to_le_bytes())
}

/// Code of the book's account number `index`.
#[must_use]
pub fn book_index(book: BookId, index: u32) -> Key<u32> {
    Key::new(tag::BOOK_INDEX).with(&book.0).with(&index.to_le_bytes())
}

/// The asset of the book's cash number `index`.
#[must_use]
pub fn book_asset(book: BookId, index: u32) -> Key<AssetId> {
    Key::new(tag::BOOK_ASSET).with(&book.0).with(&index.to_le_bytes())
}

/// The chain's private book number `index`.
#[must_use]
pub fn book_number(index: u32) -> Key<BookId> {
    Key::new(tag::BOOK_NUMBER).with(&index.to_le_bytes())
}

/// How many books an account owns.
#[must_use]
pub fn owned_books(owner: &Address) -> Key<u32> {
    Key::new(tag::OWNED_BOOKS).with(owner.as_bytes())
}

/// The account's book number `index`.
#[must_use]
pub fn owned_book(owner: &Address, index: u32) -> Key<BookId> {
    Key::new(tag::OWNED_BOOK).with(owner.as_bytes()).with(&index.to_le_bytes())
}

/// How many journals with a reference an account has posted.
#[must_use]
pub fn journals(account: &Address) -> Key<u64> {
    Key::new(tag::JOURNALS).with(account.as_bytes())
}

/// The reference of the journal that stands at this place of those that are remembered.
#[must_use]
pub fn journal_place(account: &Address, place: u64) -> Key<Hash> {
    Key::new(tag::JOURNAL_PLACE).with(account.as_bytes()).with(&place.to_le_bytes())
}

/// A journal that is remembered.
#[must_use]
pub fn journal(account: &Address, reference: &Hash) -> Key<PostedJournal> {
    Key::new(tag::JOURNAL).with(account.as_bytes()).with(reference.as_bytes())
}

/// An open hold.
#[must_use]
pub fn hold(id: &Hash) -> Key<Hold> {
    Key::new(tag::HOLD).with(id.as_bytes())
}

/// An asset.
#[must_use]
pub fn asset(asset: AssetId) -> Key<Asset> {
    Key::new(tag::ASSET).with(&asset.0.to_le_bytes())
}
