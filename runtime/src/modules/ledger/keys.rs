//! The ledger module's keys in state.

use super::records::{Asset, Book, BookAccount, Hold};
use crate::key::{Key, tag};
use wattle_primitives::units::BookId;
use wattle_primitives::{Address, AssetId, Hash};

pub use wattle_primitives::state_key::balance;

/// The account's asset number `index`.
#[must_use]
pub fn account_asset(address: &Address, index: u32) -> Key<AssetId> {
    Key::new(tag::ACCOUNT_ASSET).with(address.as_bytes()).with(&index.to_le_bytes())
}

/// A book.
#[must_use]
pub fn book(book: BookId) -> Key<Book> {
    Key::new(tag::BOOK).with(&book.0.to_le_bytes())
}

/// An account of a book.
#[must_use]
pub fn book_account(book: BookId, code: u32) -> Key<BookAccount> {
    Key::new(tag::BOOK_ACCOUNT).with(&book.0.to_le_bytes()).with(&code.to_le_bytes())
}

/// Code of the book's account number `index`.
#[must_use]
pub fn book_index(book: BookId, index: u32) -> Key<u32> {
    Key::new(tag::BOOK_INDEX).with(&book.0.to_le_bytes()).with(&index.to_le_bytes())
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
