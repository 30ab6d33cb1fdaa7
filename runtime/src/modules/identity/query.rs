//! Accounts, grants and sponsorships, read by their indices.

use super::records::{Grant, Sponsorship};
use crate::State;
use crate::keys;
use crate::modules::list::page;
use wattle_primitives::{Address, Hash, Lane, Nonce};

/// The next nonce of (account, lane); 0 for an unknown account.
#[must_use]
pub fn nonce(state: &State, address: &Address, lane: Lane) -> Nonce {
    state.read(keys::account(address)).map_or(Nonce::ZERO, |account| account.nonce(lane))
}

/// One side's grants of an account, from position `from`, at most `limit`.
#[must_use]
pub fn grants(
    state: &State,
    side: keys::ListSide,
    account: &Address,
    from: u32,
    limit: usize,
) -> Vec<(Hash, Grant)> {
    let count = state.read(keys::grant_count(side, account)).unwrap_or(0);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::grant_index(side, account, index)))
        .filter_map(|id| Some((id, state.read(keys::grant(&id))?)))
        .collect()
}

/// One side's sponsorships of an account, each with the account on its other side, from position `from`, at most
/// `limit`.
#[must_use]
pub fn sponsorships(
    state: &State,
    side: keys::ListSide,
    account: &Address,
    from: u32,
    limit: usize,
) -> Vec<(Address, Sponsorship)> {
    let count = state.read(keys::sponsorship_count(side, account)).unwrap_or(0);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::sponsorship_index(side, account, index)))
        .filter_map(|other| Some((other, state.read(side.sponsorship(account, &other))?)))
        .collect()
}
