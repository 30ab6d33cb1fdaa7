//! Typed reads of a state, for RPC, wallets and the driver.

use crate::State;
use wattle_primitives::call::identity::Authority;
use wattle_primitives::call::ledger::{AccountClass, AccountId, Entry};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::genesis::ScheduledSet;
use wattle_primitives::reading::RegisterEncoding;
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

macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => { $(
        $(#[$doc])*
        #[must_use]
        pub fn $name(_state: &State, $($arg: $ty),*) -> $out { $(let _ = $arg;)* unimplemented!() }
    )* };
}

queries! {
    /// An account, or `None` when the address was never used.
    account(address: &Address) -> Option<AccountView>;
    /// The next nonce of (account, lane); 0 for an unknown account.
    nonce(address: &Address, lane: Lane) -> Nonce;
    /// An asset.
    asset(asset: AssetId) -> Option<AssetView>;
    /// Assets from `from` on, at most `limit`.
    assets(from: AssetId, limit: usize) -> Vec<AssetView>;
    /// An open hold.
    hold(id: &Hash) -> Option<HoldView>;
    /// A book.
    book(book: BookId) -> Option<BookView>;
    /// A book's accounts in the order of opening, from position `from`, at most `limit`.
    book_accounts(book: BookId, from: u32, limit: usize) -> Vec<LedgerAccountView>;
    /// A sponsorship.
    sponsorship(sponsor: &Address, grantee: &Address) -> Option<SponsorshipView>;
    /// A microgrid.
    microgrid(id: &Hash) -> Option<MicrogridView>;
    /// Microgrids in the order of registration, from position `from`, at most `limit`.
    microgrids(from: u32, limit: usize) -> Vec<MicrogridView>;
    /// A microgrid's meters in the order of registration, from position `from`, at most `limit`.
    meters(microgrid: &Hash, from: u32, limit: usize) -> Vec<MeterView>;
    /// A meter.
    meter(meter: &Address) -> Option<MeterView>;
    /// The schedule of validator sets.
    validator_sets() -> Vec<ScheduledSet>;
    /// Whether an expiry is due at `time_ms`.
    has_due(time_ms: TimeMs) -> bool;
}

/// The raw state key of an account's record: nonces, bandwidth, authority.
#[must_use]
pub fn account_key(_address: &Address) -> Vec<u8> {
    unimplemented!()
}

/// The raw state key of an account's counters in one asset.
#[must_use]
pub fn balance_key(_account: &AccountId, _asset: AssetId) -> Vec<u8> {
    unimplemented!()
}
