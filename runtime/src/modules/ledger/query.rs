//! Balances and books, read by their indices.

use super::records::{Balance, Book, BookAccount};
use crate::State;
use crate::keys;
use crate::modules::identity::records::Account;
use crate::modules::list::page;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::{Address, AssetId, BookId};

/// The assets that an account holds or has held, from place `from` of its list, at most `limit`; the native one is at
/// place 0.
#[must_use]
pub fn assets_of(
    state: &State,
    address: &Address,
    account: &Account,
    from: u32,
    limit: usize,
) -> Vec<AssetId> {
    page(from, account.assets.saturating_add(1), limit)
        .filter_map(|place| match place.checked_sub(1) {
            None => Some(AssetId::NATIVE),
            Some(index) => state.read(keys::account_asset(address, index)),
        })
        .collect()
}

/// The counters of a ledger account in one asset; all zero where it never had any of it.
#[must_use]
pub fn balance(state: &State, account: &AccountId, asset: AssetId) -> Balance {
    state.read(keys::balance(account, asset)).unwrap_or_default()
}

/// Books in the order in which they were opened, those of `owner` alone or all, from position `from`, at most `limit`.
#[must_use]
pub fn books(state: &State, owner: Option<&Address>, from: u32, limit: usize) -> Vec<(BookId, Book)> {
    let count = match owner {
        Some(owner) => state.read(keys::owned_books(owner)).unwrap_or(0),
        None => state.read(keys::counters()).map_or(0, |counters| counters.books),
    };
    let key = |index| owner.map_or(keys::book_number(index), |owner| keys::owned_book(owner, index));
    page(from, count, limit)
        .filter_map(|index| state.read(key(index)))
        .filter_map(|id| Some((id, state.read(keys::book(id))?)))
        .collect()
}

/// The assets in which a book has cash, in the order in which it came, from position `from`, at most `limit`.
#[must_use]
pub fn book_assets(state: &State, id: BookId, from: u32, limit: usize) -> Vec<AssetId> {
    let count = state.read(keys::book(id)).map_or(0, |book| book.assets);
    page(from, count, limit).filter_map(|index| state.read(keys::book_asset(id, index))).collect()
}

/// A book's accounts by code, in the order of opening, from position `from`, at most `limit`.
#[must_use]
pub fn book_accounts(state: &State, id: BookId, from: u32, limit: usize) -> Vec<(u32, BookAccount)> {
    let count = state.read(keys::book(id)).map_or(0, |book| book.accounts);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::book_index(id, index)))
        .filter_map(|code| Some((code, state.read(keys::book_account(id, code))?)))
        .collect()
}
