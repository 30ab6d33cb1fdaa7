//! The node's data on disk, and how it is found again.
//!
//! ```text
//! <home>/data/db     finalized blocks and state (RocksDB)
//! <home>/data/wal    the consensus log
//! <home>/sign        what was signed: outside the data directory, no reset touches it
//! ```

use crate::driver::Boot;
use crate::home::Place;
use crate::journal::{Journal, JournalError, Voting, WAL_DIR};
use crate::signer::{Barred, DataDir};
use crate::wal::{Wal, WalConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use wattle_consensus::{GivenUp, Record};
use wattle_host::FileError;
use wattle_host::dir::OsDir;
use wattle_primitives::{
    Accusation, Block, Certificate, Genesis, Hash, Header, Height, Round, SecretKey, planted,
};
use wattle_rpc::metrics::{FsyncOf, Metrics};
use wattle_runtime::execute::GenesisFailure;
use wattle_runtime::store::{RocksOptions, RocksStore};
use wattle_runtime::{Commit, Schedule, State, Store, StoreError};

/// Why a node's data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The genesis cannot take effect.
    #[error("genesis")]
    Genesis(#[from] GenesisFailure),
    /// The database.
    #[error("database")]
    Store(#[from] StoreError),
    /// The consensus log or the sign state.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A directory.
    #[error("data directory")]
    File(#[from] FileError),
    /// The database belongs to another chain.
    #[error("the data directory holds chain {found}, the genesis file describes {expected}")]
    WrongChain {
        /// By the genesis file.
        expected: Hash,
        /// In the database.
        found: Hash,
    },
    /// The state is none that a genesis leads to.
    #[error("the state has no parameters or no validator sets")]
    Schedule,
    /// The operating system has no entropy.
    #[error("no entropy from the operating system: {0}")]
    Entropy(getrandom::Error),
}

/// A node's data, opened and recovered.
pub struct Opened {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The committed chain in it.
    pub found: Found,
    /// Log and sign state of a validator.
    pub voting: Option<Voting<OsDir, OsDir>>,
}

/// Opens, and where needed recovers, everything that a node keeps; with `key` as a validator. `metrics` is told how
/// long syncs take.
///
/// # Errors
/// [`StorageError`].
pub fn open(
    place: &Place,
    genesis: &Genesis,
    key: Option<&SecretKey>,
    metrics: &Arc<Metrics>,
) -> Result<Opened, StorageError> {
    // Before the database makes its own directory in it, which it would not sync.
    let data = OsDir::open(&place.data_dir)?;
    let db = OsDir::open(&data.path().join("db"))?;
    let write_buffer_bytes = usize::try_from(place.config.db_write_buffer_bytes).unwrap_or(usize::MAX);
    let store = RocksStore::open_with(db.path(), RocksOptions { write_buffer_bytes })?;
    for cut in store.torn() {
        tracing::warn!(?cut, "the database ended in an unfinished record, as a power cut leaves it");
    }
    let store: Arc<dyn Store> = Arc::new(store);
    let found = open_chain(store.as_ref(), genesis)?;
    let voting = match key {
        Some(key) => Some(open_voting(place, &found, SecretKey::from_seed(*key.seed()), metrics)?),
        None => None,
    };
    Ok(Opened { store, found, voting })
}

fn open_voting(
    place: &Place,
    found: &Found,
    key: SecretKey,
    metrics: &Arc<Metrics>,
) -> Result<Voting<OsDir, OsDir>, StorageError> {
    let timed = |path: &Path, of| {
        let metrics = Arc::clone(metrics);
        let note = move |took: Duration| metrics.fsync(of, took.as_secs_f64());
        OsDir::open(path).map(|dir| dir.timed(Arc::new(note)))
    };
    let mut entropy = [0u8; 32];
    getrandom::fill(&mut entropy).map_err(StorageError::Entropy)?;
    let config = WalConfig { chain: found.chain, entropy, segment_bytes: place.config.wal_segment_bytes };
    let data = data_of(found.header.height);
    let wal = timed(&place.data_dir.join(WAL_DIR), FsyncOf::Wal)?;
    let sign = timed(&place.sign_dir, FsyncOf::SignState)?;
    Ok(Journal::open(wal, sign, found.chain, key, data, config)?)
}

fn data_of(height: Height) -> DataDir {
    if height == Height::ZERO { DataDir::Empty } else { DataDir::InUse }
}

/// Reads the data directory of a stopped validator.
///
/// # Errors
/// [`StorageError`].
pub fn data_at(data: &Path, config: WalConfig) -> Result<DataDir, StorageError> {
    let (db, wal) = (data.join("db"), data.join(WAL_DIR));
    let tip = if db.exists() { RocksStore::open(&db)?.tip()? } else { None };
    let logged = wal.exists()
        && match Wal::open(OsDir::open(&wal)?, config) {
            Ok(wal) => wal.last_group().is_some(),
            Err(_) => true, // damaged or not, somebody wrote it
        };
    let found =
        if logged { DataDir::InUse } else { data_of(tip.map_or(Height::ZERO, |tip| tip.header.height)) };
    Ok(if planted!("resume-beside-data") { DataDir::Empty } else { found })
}

/// The committed chain as it was found.
#[derive(Debug)]
pub struct Found {
    /// Genesis hash.
    pub chain: Hash,
    /// Header of the last committed block.
    pub header: Header,
    /// State after it.
    pub state: State,
    /// Parameters and validator sets in that state.
    pub schedule: Arc<Schedule>,
    /// Its finalization.
    pub certificate: Option<Certificate>,
    /// Accusations of validators that are kept.
    pub accusations: Vec<Accusation>,
}

/// Opens the committed chain: writes genesis into an empty store, rebuilds the state, rechecks its root.
///
/// # Errors
/// [`StorageError`].
pub fn open_chain(store: &dyn Store, genesis: &Genesis) -> Result<Found, StorageError> {
    let (genesis_state, genesis_header) = wattle_runtime::genesis(genesis)?;
    let chain = genesis_header.hash();
    if store.tip()?.is_none() {
        store.commit(&[Commit::genesis(genesis_header.clone(), &genesis_state)])?;
    }
    let found =
        store.header(wattle_primitives::BlockId::Height(Height::ZERO))?.map_or(Hash::ZERO, |h| h.hash());
    if found != chain {
        return Err(StorageError::WrongChain { expected: chain, found });
    }
    let (header, state) = match wattle_runtime::store::load(store)? {
        Some((tip, state)) => (tip.header, state),
        None => (genesis_header, genesis_state),
    };
    let schedule = Arc::new(Schedule::of(&state).ok_or(StorageError::Schedule)?);
    let certificate = store.certificate(header.height)?;
    let mut accusations = store.accusations()?;
    if planted!("evidence-forgotten-at-restart") {
        accusations.clear();
    }
    Ok(Found { chain, header, state, schedule, certificate, accusations })
}

impl Found {
    /// The start of a driver, with the contents of the log, what it has lost, and what the sign state knows.
    #[must_use]
    pub fn boot(
        self,
        records: Vec<Record>,
        bodies: Vec<Block>,
        given_up: Option<GivenUp>,
        latest: Option<Round>,
        barred: Barred,
    ) -> Boot {
        let Self { header, state, schedule, certificate, accusations, .. } = self;
        Boot { header, state, schedule, certificate, records, bodies, given_up, latest, accusations, barred }
    }
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
