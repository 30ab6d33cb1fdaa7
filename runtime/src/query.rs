//! Reads of a state that follow an index or take several records together, for RPC, wallets and the driver.
//!
//! A record alone is read under its key: [`State::read`] and [`crate::keys`]. Everything here returns records as their
//! modules keep them; only the edge turns them into something else.

use crate::State;
use crate::keys;
use crate::modules::deals::records::{Acceptance, Deal};
use crate::modules::disputes::records::Dispute;
use crate::modules::energy::records::{Member, Meter, Microgrid, TermsRecord};
use crate::modules::energy::tab::{self, Customer};
use crate::modules::energy::terms;
use crate::modules::identity::records::{Account, Grant};
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::ledger::records::{Asset, Balance, Book, BookAccount};
use crate::modules::market::records::Order;
use crate::modules::paygo::records::{Device, TokenRecord};
use crate::overlay::Overlay;
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::call::market::Side;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, AssetId, BookId, Hash, Lane, Nonce, TimeMs, WattHours};

/// Most items of one page.
pub const PAGE_ITEMS_MAX: usize = 1000;

/// The next nonce of (account, lane); 0 for an unknown account.
#[must_use]
pub fn nonce(state: &State, address: &Address, lane: Lane) -> Nonce {
    state.read(keys::account(address)).map_or(Nonce::ZERO, |account| account.nonce(lane))
}

/// The assets that an account holds or has held, from place `from` of its list, at most `limit`; the native one is at
/// place
/// 0.
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

/// Base units of an asset that were issued and burned since genesis.
#[must_use]
pub fn issued(state: &State, asset: AssetId) -> (Amount, Amount) {
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

/// How many microgrids there are.
#[must_use]
pub fn microgrid_count(state: &State) -> u32 {
    state.read(keys::counters()).map_or(0, |counters| counters.microgrids)
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

/// Microgrids in the order of registration, from position `from`, at most `limit`.
#[must_use]
pub fn microgrids(state: &State, from: u32, limit: usize) -> Vec<(Hash, Microgrid)> {
    page(from, microgrid_count(state), limit)
        .filter_map(|index| state.read(keys::microgrid_index(index)))
        .filter_map(|id| Some((id, state.read(keys::microgrid(&id))?)))
        .collect()
}

/// A microgrid's meters in the order of registration, from position `from`, at most `limit`.
#[must_use]
pub fn meters(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<(Address, Meter)> {
    let count = state.read(keys::microgrid(id)).map_or(0, |grid| grid.meters);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::meter_index(id, index)))
        .filter_map(|address| Some((address, state.read(keys::meter(&address))?)))
        .collect()
}

/// A microgrid's members in the order in which they joined, from position `from`, at most `limit` positions; who has
/// left leaves a hole. The operator is the first.
#[must_use]
pub fn members(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<Option<(Address, Member)>> {
    let count = state.read(keys::microgrid(id)).map_or(0, |grid| grid.members);
    let at = |index: u32| {
        let account = state.read(keys::member_index(id, index.checked_add(tab::OPERATOR)?))?;
        Some((account, state.read(keys::member(id, &account))?))
    };
    page(from, count, limit).map(at).collect()
}

/// A member's accounts in its microgrid's book.
#[must_use]
pub fn customer(state: &State, grid: &Microgrid, code: u32) -> Customer {
    Customer::of(&mut Overlay::new(state), grid, code)
}

/// The terms that hold for an interval, and the number of their version; `None` before the first.
#[must_use]
pub fn terms_at(state: &State, id: &Hash, interval: IntervalId) -> Option<(u32, TermsRecord)> {
    let versions = state.read(keys::microgrid(id))?.terms;
    let record = |version| state.read(keys::terms(id, version));
    let version = terms::holding(versions, interval, |version| Some(record(version)?.from))?;
    Some((version, record(version)?))
}

/// An interval's orders by id, in the order of placing, from number `from`, at most `limit`. Ended ones are missing.
#[must_use]
pub fn orders(state: &State, id: &Hash, at: IntervalId, from: u32, limit: usize) -> Vec<(Hash, Order)> {
    let count = state.read(keys::interval(id, at)).map_or(0, |interval| interval.orders);
    (from..count).filter_map(|index| order_at(state, id, at, index)).take(limit.min(PAGE_ITEMS_MAX)).collect()
}

fn order_at(state: &State, id: &Hash, at: IntervalId, index: u32) -> Option<(Hash, Order)> {
    let order = state.read(keys::order_index(id, at, index))?;
    Some((order, state.read(keys::order(&order))?))
}

/// All orders of one side at one price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Energy that has not been filled.
    pub wh: WattHours,
    /// How many orders.
    pub orders: u32,
}

/// An interval's orders by side and price: the energy not filled yet, without orders whose own time is over at `now`.
#[must_use]
pub fn order_book(state: &State, id: &Hash, at: IntervalId, now: TimeMs) -> BTreeMap<(Side, Amount), Level> {
    let count = state.read(keys::interval(id, at)).map_or(0, |interval| interval.orders);
    let mut levels: BTreeMap<(Side, Amount), Level> = BTreeMap::new();
    for (_, order) in (0..count).filter_map(|index| order_at(state, id, at, index)) {
        if order.expires_ms.is_some_and(|until| until <= now) || order.filled_wh >= order.wh {
            continue;
        }
        let level = levels.entry((order.side, order.price)).or_default();
        level.wh = level.wh.saturating_add(order.wh.saturating_sub(order.filled_wh));
        level.orders = level.orders.saturating_add(1);
    }
    levels
}

/// A microgrid's open requests and deals by id, from place `from` of its list, at most `limit`. The list has no gaps;
/// when one ends, the last takes its place.
#[must_use]
pub fn deals(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<(Hash, Deal)> {
    let count = state.read(keys::deal_count(id)).unwrap_or(0);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::deal_index(id, index)))
        .filter_map(|deal| Some((deal, state.read(keys::deal(&deal))?)))
        .collect()
}

/// The acceptances of a request that stand, in the order in which they came.
#[must_use]
pub fn acceptances(state: &State, id: &Hash, deal: &Deal) -> Vec<(Address, Acceptance)> {
    let acceptance = |account: &Address| Some((*account, state.read(keys::acceptance(id, account))?));
    deal.acceptors.iter().filter_map(acceptance).collect()
}

/// A microgrid's disputes that are not decided by id, from place `from` of its list, at most `limit`. The list has no
/// gaps; when one ends, the last takes its place.
#[must_use]
pub fn disputes(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<(Hash, Dispute)> {
    let count = state.read(keys::dispute_count(id)).unwrap_or(0);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::dispute_index(id, index)))
        .filter_map(|dispute| Some((dispute, state.read(keys::dispute(&dispute))?)))
        .collect()
}

/// A pay-as-you-go operator's devices by id, in the order of registration, from position `from`, at most `limit`.
#[must_use]
pub fn devices(state: &State, operator: &Address, from: u32, limit: usize) -> Vec<(Hash, Device)> {
    let count = state.read(keys::paygo_operator(operator)).map_or(0, |operator| operator.devices);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::device_index(operator, index)))
        .filter_map(|id| Some((id, state.read(keys::device(&id))?)))
        .collect()
}

/// A device's tokens that are kept, by falling count from `from` on, at most `limit`, of at most [`PAGE_ITEMS_MAX`]
/// counts; and the count to go on from, if that is not 0.
#[must_use]
pub fn device_tokens(
    state: &State,
    device: &Hash,
    from: u32,
    limit: usize,
) -> (Vec<(u32, TokenRecord)>, Option<u32>) {
    let (mut found, mut next) = (Vec::new(), from);
    for count in (1..=from).rev().take(PAGE_ITEMS_MAX) {
        if found.len() >= limit {
            break;
        }
        found.extend(state.read(keys::device_token(device, count)).map(|token| (count, token)));
        next = count.saturating_sub(1);
    }
    (found, Some(next).filter(|next| *next > 0))
}

/// Whether work of any kind is due at `time_ms`.
#[must_use]
pub fn has_due(state: &State, time_ms: TimeMs) -> bool {
    state.due_ms().is_some_and(|due| due <= time_ms)
}

fn page(from: u32, count: u32, limit: usize) -> impl Iterator<Item = u32> {
    (from..count).take(limit.min(PAGE_ITEMS_MAX))
}
