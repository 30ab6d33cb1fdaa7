//! The values in state. Their encodings are part of the protocol.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::call::identity::Authority;
use wattle_primitives::call::ledger::{AccountClass, Entry};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::reading::RegisterEncoding;
use wattle_primitives::{Address, Amount, AssetId, Hash, Lane, Nonce, TimeMs, WattHours};

/// Numbers given out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Counters {
    /// Assets, the native one included: the next id.
    pub assets: u32,
    /// Books, the public one included: the next id.
    pub books: u64,
    /// Microgrids.
    pub microgrids: u32,
}

/// An account. Never removed, so that its nonces never come back.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Account {
    /// Next nonce of each lane; lanes beyond the end stand at 0.
    pub nonces: Vec<u64>,
    /// Bandwidth bucket: theoretical arrival time, in ms times the rate (see `execute::bandwidth`).
    pub tat: u128,
    /// Who acts for it; `None` while it is the one key that the address is the hash of.
    pub authority: Option<Authority>,
    /// Further assets it has held, listed under [`crate::keys::account_asset`].
    pub assets: u32,
}

/// Four counters of an account in one asset. They only grow, but for what is pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Balance {
    /// Debits reserved by holds.
    pub debits_pending: u128,
    /// Debits.
    pub debits_posted: u128,
    /// Credits reserved by holds.
    pub credits_pending: u128,
    /// Credits.
    pub credits_posted: u128,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Asset {
    /// Short name.
    pub symbol: Symbol,
    /// Decimal places.
    pub scale: u8,
    /// Who may mint it; nobody may mint the native asset.
    pub issuer: Option<Address>,
}

/// An organisation's book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Book {
    /// Its owner.
    pub owner: Address,
    /// Accounts opened, listed under [`crate::keys::book_index`].
    pub accounts: u32,
}

/// An account of a book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BookAccount {
    /// Its one asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Whether its balance may never be negative.
    pub limited: bool,
}

/// An open hold. Gone once it is captured, voided or expired.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hold {
    /// What is reserved.
    pub entry: Entry,
    /// Who may capture or void it.
    pub captor: Address,
    /// First block time at which it is over.
    pub expires_ms: TimeMs,
    /// Who gets the deposit back.
    pub depositor: Address,
    /// The deposit.
    pub deposit: Amount,
}

/// A sponsorship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sponsorship {
    /// Native base units left.
    pub allowance: Amount,
    /// First block time at which it is over.
    pub expires_ms: TimeMs,
    /// What the sponsor gets back when it ends it.
    pub deposit: Amount,
}

/// A microgrid.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Microgrid {
    /// Its operator.
    pub operator: Address,
    /// Settlement asset.
    pub asset: AssetId,
    /// Settlement interval.
    pub interval_ms: TimeMs,
    /// Meters, listed under [`crate::keys::meter_index`].
    pub meters: u32,
}

/// A meter.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Meter {
    /// Its microgrid.
    pub microgrid: Hash,
    /// Account that its energy is booked to.
    pub owner: Address,
    /// How its registers are encoded.
    pub encoding: RegisterEncoding,
    /// The last accepted reading.
    pub last: Option<LastReading>,
}

/// What is kept of an accepted reading; all of it is in the block that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LastReading {
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

impl Account {
    /// The next nonce of `lane`.
    #[must_use]
    pub fn nonce(&self, lane: Lane) -> Nonce {
        Nonce(self.nonces.get(usize::from(lane.0)).copied().unwrap_or(0))
    }

    /// Uses up the next nonce of `lane`.
    pub fn use_nonce(&mut self, lane: Lane) {
        let at = usize::from(lane.0);
        if self.nonces.len() <= at {
            self.nonces.resize(at.saturating_add(1), 0);
        }
        if let Some(nonce) = self.nonces.get_mut(at) {
            *nonce = nonce.saturating_add(1);
        }
    }
}
