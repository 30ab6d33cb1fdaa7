//! The few things asked of a database, and how a commit is laid out in it.
//!
//! | table | key | value |
//! |---|---|---|
//! | meta | `format`, `tip` | `u32`, header |
//! | headers | height | header |
//! | bodies | height | transactions |
//! | certificates | height | certificate |
//! | receipts | height | receipts |
//! | hashes | block hash | height |
//! | txs | transaction id | height, index |
//! | history | address, height, index | [`HistoryRow`] |
//! | statements | address, height, event index | nothing: the event lies in the receipts |
//! | balances | state key of a balance without its tag, height | the balance that the height left |
//! | dated | the same, event index | [`DatedEntry`] |
//! | supply | asset, height | base units that were minted and burned up to there, by the receipts |
//! | state | state key | state value |
//! | evidence | validator, epoch, kind | [`wattle_primitives::Accusation`] |
//!
//! Heights, indexes and assets in keys are big-endian, so that keys are in their order. Events have no table: they are
//! read from the receipts of their height.

use super::{Commit, StoreError, Towards};
use crate::key::tag;
use borsh::{BorshDeserialize, BorshSerialize};
use std::borrow::Cow;
use std::collections::BTreeSet;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::event::{EnergyEvent, LedgerEvent};
use wattle_primitives::evidence::AccusationId;
use wattle_primitives::{Address, Amount, AssetId, Event, Hash, Height, Outcome, Receipt, TimeMs, encode};

/// Version of this layout.
pub(super) const FORMAT: u32 = 8;
/// Key of the version, in [`Table::Meta`].
pub(super) const META_FORMAT: &[u8] = b"format";
/// Key of the last header, in [`Table::Meta`].
pub(super) const META_TIP: &[u8] = b"tip";

/// Where a row lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Meta,
    Headers,
    Bodies,
    Certificates,
    Receipts,
    Hashes,
    Txs,
    History,
    Statements,
    Balances,
    Dated,
    Supply,
    State,
    Evidence,
}

impl Table {
    #[cfg(feature = "rocks")]
    pub(super) const ALL: [Self; 14] = [
        Self::Meta,
        Self::Headers,
        Self::Bodies,
        Self::Certificates,
        Self::Receipts,
        Self::Hashes,
        Self::Txs,
        Self::History,
        Self::Statements,
        Self::Balances,
        Self::Dated,
        Self::Supply,
        Self::State,
        Self::Evidence,
    ];

    /// Its name, for errors and for the database.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Certificates => "certificates",
            Self::Receipts => "receipts",
            Self::Hashes => "hashes",
            Self::Txs => "txs",
            Self::History => "history",
            Self::Statements => "statements",
            Self::Balances => "balances",
            Self::Dated => "dated",
            Self::Supply => "supply",
            Self::State => "state",
            Self::Evidence => "evidence",
        }
    }
}

/// One change: a value, or none.
pub(super) struct Row<'a> {
    pub(super) table: Table,
    pub(super) key: Cow<'a, [u8]>,
    pub(super) value: Option<Cow<'a, [u8]>>,
}

/// Sees one row; says whether to go on.
pub(super) type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> bool + 'v;

/// Which way a scan goes from where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Up,
    Down,
}

impl From<Towards> for Order {
    fn from(towards: Towards) -> Self {
        match towards {
            Towards::Newer => Self::Up,
            Towards::Older => Self::Down,
        }
    }
}

/// A database of ordered tables.
pub(super) trait Kv: Send + Sync {
    /// Writes all rows or none, and returns when they would survive a power cut.
    fn write(&self, rows: Vec<Row<'_>>) -> Result<(), StoreError>;
    /// One value.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Rows from `start` (included) up or down.
    fn scan(&self, table: Table, start: &[u8], order: Order, visit: &mut Visit<'_>)
    -> Result<(), StoreError>;
    /// All of the state and the tip's row, as of one moment.
    fn cut(&self, visit: &mut Visit<'_>) -> Result<Option<Vec<u8>>, StoreError>;
}

/// An entry that its journal gave a date of its own, as one of its accounts sees it.
#[derive(Clone, Copy, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct DatedEntry {
    pub(super) effective_ms: TimeMs,
    /// Whether the account was debited; else credited.
    pub(super) debit: bool,
    pub(super) amount: Amount,
}

/// The row of a transaction in its accounts' histories.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct HistoryRow {
    pub(super) tx: Hash,
    pub(super) time_ms: TimeMs,
    pub(super) outcome: Outcome,
    pub(super) module: String,
    pub(super) call: String,
}

/// The rows of one commit.
pub(super) fn rows<'a>(commit: &'a Commit<'_>) -> Vec<Row<'a>> {
    let header = &commit.block.header;
    let at = height_key(header.height);
    let encoded = encode(header);
    let mut rows =
        Vec::with_capacity(commit.writes.len().saturating_add(commit.block.txs.len().saturating_mul(4)));
    let mut put = |table, key: Vec<u8>, value: Vec<u8>| {
        rows.push(Row { table, key: key.into(), value: Some(value.into()) })
    };
    put(Table::Headers, at.to_vec(), encoded.clone());
    put(Table::Bodies, at.to_vec(), encode(&commit.block.txs));
    put(Table::Receipts, at.to_vec(), encode(commit.receipts.as_ref()));
    put(Table::Hashes, header.hash().0.to_vec(), at.to_vec());
    if let Some(certificate) = &commit.certificate {
        put(Table::Certificates, at.to_vec(), encode(certificate.as_ref()));
    }
    for (index, (tx, receipt)) in (0u32..).zip(commit.block.txs.iter().zip(&commit.receipts.txs)) {
        put(Table::Txs, receipt.tx.0.to_vec(), encode(&(header.height, index)));
        let (module, call) = tx.body().calls.first().map_or(("", ""), |call| call.name());
        let row = encode(&HistoryRow {
            tx: receipt.tx,
            time_ms: header.time_ms,
            outcome: receipt.outcome,
            module: module.to_owned(),
            call: call.to_owned(),
        });
        let own = [tx.body().sender, tx.body().fee_payer];
        for account in involved(own, receipt) {
            put(Table::History, history_key(&account, header.height, index), row.clone());
        }
    }
    for (index, (_, event)) in (0u32..).zip(commit.receipts.events()) {
        for subject in event.concerns().bill.into_iter().flatten() {
            put(Table::Statements, history_key(&subject, header.height, index), Vec::new());
        }
    }
    for (key, value) in commit.writes.iter() {
        if let (Some((&tag::BALANCE, account)), Some(value)) = (key.split_first(), value) {
            put(Table::Balances, [account, &at].concat(), value.clone());
        }
    }
    for (account, asset, index, entry) in dated(commit) {
        let key = [account_key(&account, asset).as_slice(), &at, &index.to_be_bytes()].concat();
        put(Table::Dated, key, encode(&entry));
    }
    put(Table::Meta, META_TIP.to_vec(), encoded);
    rows.extend(commit.writes.iter().map(|(key, value)| Row {
        table: Table::State,
        key: key.as_slice().into(),
        value: value.as_deref().map(Into::into),
    }));
    rows
}

/// The accounts in whose history a transaction belongs: its own, and those that its events name. A reading that was
/// refused names a meter that may have nothing to do with it.
fn involved(own: [Address; 2], receipt: &Receipt) -> BTreeSet<Address> {
    let events = receipt
        .events
        .iter()
        .filter(|event| !matches!(event, Event::Energy(EnergyEvent::ReadingRefused { .. })));
    events.flat_map(|event| event.concerns().parties).flatten().chain(own).collect()
}

/// The entries that have dates of their own, once for each of their accounts.
fn dated(commit: &Commit<'_>) -> Vec<(AccountId, AssetId, u32, DatedEntry)> {
    let mut journal: Option<(u32, TimeMs)> = None;
    let mut found = Vec::new();
    for (index, (_, event)) in (0u32..).zip(commit.receipts.events()) {
        if let Event::Ledger(LedgerEvent::JournalPosted { effective_ms, .. }) = event {
            journal = effective_ms.map(|effective_ms| (index, effective_ms));
        }
        let Event::Ledger(LedgerEvent::Posted { debit, credit, asset, amount, journal: Some(of) }) = event
        else {
            continue;
        };
        let Some((_, effective_ms)) = journal.filter(|(head, _)| head == of) else { continue };
        for (account, debit) in [(*debit, true), (*credit, false)] {
            found.push((account, *asset, index, DatedEntry { effective_ms, debit, amount: *amount }));
        }
    }
    found
}

/// Prefix of the keys of an account's balances in an asset.
pub(super) fn account_key(account: &AccountId, asset: AssetId) -> Vec<u8> {
    let key = crate::keys::balance(account, asset);
    key.split_first().map(|(_, account)| account.to_vec()).unwrap_or_default()
}

/// The key of what an asset's mints and burns come to after a height.
pub(super) fn supply_key(asset: AssetId, height: Height) -> Vec<u8> {
    [asset.0.to_be_bytes().as_slice(), &height_key(height)].concat()
}

/// The key of an accusation.
pub(super) fn evidence_key(id: &AccusationId) -> Vec<u8> {
    [id.validator.0.as_slice(), &id.epoch.0.to_be_bytes(), &[id.kind as u8]].concat()
}

/// The key of a height.
pub(super) const fn height_key(height: Height) -> [u8; 8] {
    height.0.to_be_bytes()
}

/// The key of an account's place in history.
pub(super) fn history_key(account: &Address, height: Height, index: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(44);
    key.extend_from_slice(account.as_bytes());
    key.extend_from_slice(&height.0.to_be_bytes());
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// The place in a history key, if it is `account`'s.
pub(super) fn history_place(account: &Address, key: &[u8]) -> Option<(Height, u32)> {
    let rest = key.strip_prefix(account.as_bytes().as_slice())?;
    let height = u64::from_be_bytes(rest.get(..8)?.try_into().ok()?);
    let index = u32::from_be_bytes(rest.get(8..)?.try_into().ok()?);
    Some((Height(height), index))
}
