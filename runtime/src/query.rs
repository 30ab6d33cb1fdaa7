//! Typed reads of a state, for RPC, wallets and the driver.

mod market;
mod settlement;

pub use market::{
    AcceptanceView, DealView, IntervalView, LevelView, OrderBookView, OrderView, deal, deals, interval,
    order, order_book, orders,
};

pub use settlement::{
    DisputeView, MeasuredView, MemberView, SettledMeterView, SettlementView, TermsView, dispute, disputes,
    member, members, settled_meter, settlement, terms, terms_at,
};

use crate::State;
use crate::keys::{self};
use crate::modules::energy::records::Meter;
use crate::modules::energy::records::{Agenda, Microgrid};
use crate::modules::identity::records::{Account, Sponsorship};
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::ledger::records::Asset;
use crate::modules::ledger::records::{Balance, Book, BookAccount, Hold};
use crate::modules::ledger::wallet;
use crate::records::Counters;
use wattle_primitives::call::identity::Authority;
use wattle_primitives::call::ledger::{AccountClass, AccountId, Entry, SystemAccount};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::units::BookId;
use wattle_primitives::{Address, Amount, AssetId, Hash, Lane, Nonce, TimeMs, WattHours};

/// An account as wallets see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Its address.
    pub address: Address,
    /// Next nonce of every lane that was used; any other lane starts at 0.
    pub nonces: Vec<(Lane, Nonce)>,
    /// Who acts for it; `None` while it is the one key that the address is the hash of.
    pub authority: Option<Authority>,
    /// What it holds; the native asset first.
    pub balances: Vec<BalanceView>,
}

/// One balance, seen from the normal side of its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// The asset.
    pub asset: AssetId,
    /// Its symbol.
    pub symbol: Symbol,
    /// Its decimal places.
    pub scale: u8,
    /// What can be spent now.
    pub available: Amount,
    /// What is reserved by holds and still counts as the owner's until captured.
    pub pending: Amount,
    /// What holds of others may still bring.
    pub incoming: Amount,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetView {
    /// Its id.
    pub asset: AssetId,
    /// Its symbol.
    pub symbol: Symbol,
    /// Its decimal places.
    pub scale: u8,
    /// Who may mint it; `None` for the native asset.
    pub issuer: Option<Address>,
    /// Units in circulation.
    pub supply: Amount,
}

/// An open hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldView {
    /// Its id.
    pub id: Hash,
    /// What is reserved.
    pub entry: Entry,
    /// Who may capture or void it.
    pub captor: Address,
    /// When it ends.
    pub expires_ms: TimeMs,
}

/// An organisation's book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookView {
    /// Its id.
    pub book: BookId,
    /// Its owner.
    pub owner: Address,
    /// Accounts opened so far.
    pub accounts: u32,
}

/// An account of a book, with its four counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerAccountView {
    /// The account.
    pub account: AccountId,
    /// Its asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Whether its balance may never be negative.
    pub limited: bool,
    /// Sum of debits by holds.
    pub debits_pending: Amount,
    /// Sum of debits.
    pub debits_posted: Amount,
    /// Sum of credits by holds.
    pub credits_pending: Amount,
    /// Sum of credits.
    pub credits_posted: Amount,
}

/// A microgrid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicrogridView {
    /// Its id.
    pub id: Hash,
    /// Its operator.
    pub operator: Address,
    /// Settlement asset.
    pub asset: AssetId,
    /// Settlement interval.
    pub interval_ms: TimeMs,
    /// Meters registered.
    pub meters: u32,
    /// Its book in the ledger.
    pub book: BookId,
    /// Members.
    pub members: u32,
    /// Versions of its terms.
    pub terms: u32,
    /// What it does next; `None` without terms.
    pub agenda: Option<Agenda>,
}

/// A meter with its last accepted reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterView {
    /// Address of its key.
    pub meter: Address,
    /// Its microgrid.
    pub microgrid: Hash,
    /// Account that its energy is booked to.
    pub owner: Address,
    /// How its registers are encoded.
    pub encoding: RegisterEncoding,
    /// Where it stands.
    pub role: MeterRole,
    /// Most power that can flow through it, W.
    pub power_max_w: u32,
    /// The meter that took its place.
    pub replaced_by: Option<Address>,
    /// The last reading; `None` before the first.
    pub last: Option<ReadingView>,
}

/// An accepted reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadingView {
    /// Its number.
    pub seq: u64,
    /// Import counter.
    pub import_wh: WattHours,
    /// Export counter.
    pub export_wh: WattHours,
    /// The light node's clock.
    pub time_ms: TimeMs,
    /// Time of the block that accepted it.
    pub block_time_ms: TimeMs,
}

/// A sponsorship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SponsorshipView {
    /// Native base units left.
    pub allowance: Amount,
    /// When it ends.
    pub expires_ms: TimeMs,
}

/// Most items of one page.
pub const PAGE_ITEMS_MAX: usize = 1000;

/// An account, or `None` when the address was never used.
#[must_use]
pub fn account(state: &State, address: &Address) -> Option<AccountView> {
    let record: Account = state.read(keys::account(address))?;
    let nonces = (0u16..).zip(&record.nonces).map(|(lane, nonce)| (Lane(lane), *nonce));
    let further = (0..record.assets).filter_map(|index| state.read(keys::account_asset(address, index)));
    let assets = std::iter::once(AssetId::NATIVE).chain(further).take(PAGE_ITEMS_MAX);
    Some(AccountView {
        address: *address,
        nonces: nonces.collect(),
        balances: assets.filter_map(|asset| balance(state, address, asset)).collect(),
        authority: record.authority,
    })
}

/// What an account holds of one asset; zero where it never held any. `None` without such an asset.
#[must_use]
pub fn balance(state: &State, address: &Address, id: AssetId) -> Option<BalanceView> {
    let asset: Asset = state.read(keys::asset(id))?;
    let balance = counters_of(state, &wallet(*address), id);
    Some(BalanceView {
        asset: id,
        symbol: asset.symbol,
        scale: asset.scale,
        available: balance.available(),
        pending: Amount(balance.debits_pending),
        incoming: Amount(balance.credits_pending),
    })
}

/// The next nonce of (account, lane); 0 for an unknown account.
#[must_use]
pub fn nonce(state: &State, address: &Address, lane: Lane) -> Nonce {
    state.read(keys::account(address)).map_or(Nonce::ZERO, |account| account.nonce(lane))
}

/// An asset.
#[must_use]
pub fn asset(state: &State, id: AssetId) -> Option<AssetView> {
    let record: Asset = state.read(keys::asset(id))?;
    let issued = counters_of(state, &ISSUANCE, id);
    Some(AssetView {
        asset: id,
        symbol: record.symbol,
        scale: record.scale,
        issuer: record.issuer,
        supply: Amount(issued.debits_posted.saturating_sub(issued.credits_posted)),
    })
}

/// Assets from `from` on, at most `limit`.
#[must_use]
pub fn assets(state: &State, from: AssetId, limit: usize) -> Vec<AssetView> {
    page(from.0, counters(state).assets, limit).filter_map(|id| asset(state, AssetId(id))).collect()
}

/// An open hold.
#[must_use]
pub fn hold(state: &State, id: &Hash) -> Option<HoldView> {
    let hold: Hold = state.read(keys::hold(id))?;
    Some(HoldView { id: *id, entry: hold.entry, captor: hold.captor, expires_ms: hold.expires_ms })
}

/// A book.
#[must_use]
pub fn book(state: &State, id: BookId) -> Option<BookView> {
    let record: Book = state.read(keys::book(id))?;
    Some(BookView { book: id, owner: record.owner, accounts: record.accounts })
}

/// A book's accounts in the order of opening, from position `from`, at most `limit`.
#[must_use]
pub fn book_accounts(state: &State, id: BookId, from: u32, limit: usize) -> Vec<LedgerAccountView> {
    let count = book(state, id).map_or(0, |book| book.accounts);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::book_index(id, index)))
        .filter_map(|code| {
            let record: BookAccount = state.read(keys::book_account(id, code))?;
            let account = AccountId::Book { book: id, code };
            Some(ledger_view(state, account, record.asset, record.class, record.limited))
        })
        .collect()
}

/// What `book` owes to `to` (credits) or is owed by it (debits) in one asset; all zero where they never dealt.
#[must_use]
pub fn due(state: &State, book: BookId, to: BookId, asset: AssetId) -> LedgerAccountView {
    ledger_view(state, AccountId::Due { book, to }, asset, AccountClass::Liability, false)
}

/// An account of the protocol in one asset.
#[must_use]
pub fn system(state: &State, account: SystemAccount, asset: AssetId) -> LedgerAccountView {
    let limited = account != SystemAccount::Issuance;
    let class = if limited { AccountClass::Liability } else { AccountClass::Asset };
    ledger_view(state, AccountId::System { account }, asset, class, limited)
}

/// A sponsorship, in force or not.
#[must_use]
pub fn sponsorship(state: &State, sponsor: &Address, grantee: &Address) -> Option<SponsorshipView> {
    let record: Sponsorship = state.read(keys::sponsorship(sponsor, grantee))?;
    Some(SponsorshipView { allowance: record.allowance, expires_ms: record.expires_ms })
}

/// A microgrid.
#[must_use]
pub fn microgrid(state: &State, id: &Hash) -> Option<MicrogridView> {
    let record: Microgrid = state.read(keys::microgrid(id))?;
    let Microgrid { operator, asset, interval_ms, meters, book, members, terms, agenda, .. } = record;
    Some(MicrogridView { id: *id, operator, asset, interval_ms, meters, book, members, terms, agenda })
}

/// Microgrids in the order of registration, from position `from`, at most `limit`.
#[must_use]
pub fn microgrids(state: &State, from: u32, limit: usize) -> Vec<MicrogridView> {
    page(from, counters(state).microgrids, limit)
        .filter_map(|index| state.read(keys::microgrid_index(index)))
        .filter_map(|id| microgrid(state, &id))
        .collect()
}

/// A microgrid's meters in the order of registration, from position `from`, at most `limit`.
#[must_use]
pub fn meters(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<MeterView> {
    let count = microgrid(state, id).map_or(0, |grid| grid.meters);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::meter_index(id, index)))
        .filter_map(|address| meter(state, &address))
        .collect()
}

/// A meter.
#[must_use]
pub fn meter(state: &State, address: &Address) -> Option<MeterView> {
    let record: Meter = state.read(keys::meter(address))?;
    let last = record.last.map(|last| ReadingView {
        seq: last.seq,
        import_wh: last.import_wh,
        export_wh: last.export_wh,
        time_ms: last.time_ms,
        block_time_ms: last.block_time_ms,
    });
    let Meter { microgrid, owner, encoding, role, power_max_w, replaced_by, .. } = record;
    Some(MeterView { meter: *address, microgrid, owner, encoding, role, power_max_w, replaced_by, last })
}

/// Whether an expiry is due at `time_ms`.
#[must_use]
pub fn has_due(state: &State, time_ms: TimeMs) -> bool {
    next_due(state).is_some_and(|due| due <= time_ms)
}

/// When the next expiry is due.
#[must_use]
pub fn next_due(state: &State) -> Option<TimeMs> {
    state.due_ms()
}

/// The raw state key of an account's record: nonces, bandwidth, authority.
#[must_use]
pub fn account_key(address: &Address) -> Vec<u8> {
    keys::account(address).to_vec()
}

/// The raw state key of an account's counters in one asset.
#[must_use]
pub fn balance_key(account: &AccountId, asset: AssetId) -> Vec<u8> {
    keys::balance(account, asset).to_vec()
}

/// The raw state key of a meter's record.
#[must_use]
pub fn meter_key(meter: &Address) -> Vec<u8> {
    keys::meter(meter).to_vec()
}

fn ledger_view(
    state: &State,
    account: AccountId,
    asset: AssetId,
    class: AccountClass,
    limited: bool,
) -> LedgerAccountView {
    let balance = counters_of(state, &account, asset);
    LedgerAccountView {
        account,
        asset,
        class,
        limited,
        debits_pending: Amount(balance.debits_pending),
        debits_posted: Amount(balance.debits_posted),
        credits_pending: Amount(balance.credits_pending),
        credits_posted: Amount(balance.credits_posted),
    }
}

fn counters_of(state: &State, account: &AccountId, asset: AssetId) -> Balance {
    state.read(keys::balance(account, asset)).unwrap_or_default()
}

fn counters(state: &State) -> Counters {
    state.read(keys::counters()).unwrap_or_default()
}

fn page(from: u32, count: u32, limit: usize) -> impl Iterator<Item = u32> {
    (from..count).take(limit.min(PAGE_ITEMS_MAX))
}
