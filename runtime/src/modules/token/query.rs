//! Assets, read by number.

use crate::State;
use crate::keys;
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::ledger::query::balance;
use crate::modules::ledger::records::{Asset, Balance};
use crate::modules::list::page;
use wattle_primitives::{Amount, AssetId};

/// Base units of an asset that were issued and burned since genesis, by the ledger's own counters. [`crate::supply`]
/// counts them from receipts.
#[must_use]
pub fn issuance_counters(state: &State, asset: AssetId) -> (Amount, Amount) {
    let Balance { debits_posted, credits_posted, .. } = balance(state, &ISSUANCE, asset);
    (Amount(debits_posted), Amount(credits_posted))
}

/// Assets from `from` on, at most `limit`.
#[must_use]
pub fn assets(state: &State, from: AssetId, limit: usize) -> Vec<(AssetId, Asset)> {
    let count = state.read(keys::counters()).map_or(0, |counters| counters.assets);
    page(from.0, count, limit)
        .filter_map(|id| Some((AssetId(id), state.read(keys::asset(AssetId(id)))?)))
        .collect()
}
