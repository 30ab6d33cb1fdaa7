//! What a node keeps on disk, and how it is found again.
//!
//! ```text
//! <home>/data/db     finalized blocks and state (RocksDB)
//! <home>/data/wal    the consensus log
//! <home>/sign        what was signed: outside the data directory, no reset touches it
//! ```

use super::threads::Order;
use crate::driver::{Boot, Done};
use crate::file::Dir;
use crate::file::os::OsDir;
use crate::home::Place;
use crate::signer::{DataDir, PersistError, Persisted, Signer, SignerError, Standing, Syncs, persist};
use crate::wal::record::WalRecord;
use crate::wal::{Wal, WalConfig, WalError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use wattle_consensus::Record;
use wattle_primitives::{Block, Certificate, DecodeError, Genesis, Hash, Header, Height, SecretKey, Vote};
use wattle_rpc::metrics::{FsyncOf, Metrics};
use wattle_runtime::execute::GenesisFailure;
use wattle_runtime::store::{RocksOptions, RocksStore};
use wattle_runtime::{Commit, State, Store, StoreError};

/// Why a node's data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The genesis cannot take effect.
    #[error("genesis")]
    Genesis(#[from] GenesisFailure),
    /// The database.
    #[error("database")]
    Store(#[from] StoreError),
    /// The consensus log.
    #[error("consensus log")]
    Wal(#[from] WalError),
    /// The sign state.
    #[error("sign state")]
    Signer(#[from] SignerError),
    /// A directory.
    #[error("data directory")]
    File(#[from] crate::file::FileError),
    /// The log holds something this build cannot read.
    #[error("the consensus log was written by another version")]
    Decode(#[from] DecodeError),
    /// The database belongs to another chain.
    #[error("the data directory holds chain {found}, the genesis file describes {expected}")]
    WrongChain {
        /// By the genesis file.
        expected: Hash,
        /// In the database.
        found: Hash,
    },
    /// The operating system has no entropy.
    #[error("no entropy from the operating system: {0}")]
    Entropy(getrandom::Error),
}

/// A node's data, opened and recovered.
pub struct Opened {
    /// The database.
    pub store: Arc<dyn Store>,
    /// What it holds.
    pub found: Found,
    /// What a validator has beside it.
    pub voting: Option<Voting>,
}

/// What a validator has beside the committed chain.
pub struct Voting {
    /// Log and sign state.
    pub journal: Journal<OsDir, OsDir>,
    /// What the log knows of consensus, in order.
    pub records: Vec<Record>,
    /// Bodies in the log.
    pub bodies: Vec<Block>,
    /// Whether the log has kept up with the sign state.
    pub standing: Standing,
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
) -> Result<Voting, StorageError> {
    let timed = |path: &Path, of| {
        let metrics = Arc::clone(metrics);
        let note = move |took: Duration| metrics.fsync(of, took.as_secs_f64());
        OsDir::open(path).map(|dir| dir.timed(Arc::new(note)))
    };
    let mut entropy = [0u8; 32];
    getrandom::fill(&mut entropy).map_err(StorageError::Entropy)?;
    let config = WalConfig { chain: found.chain, entropy, segment_bytes: place.config.wal_segment_bytes };
    let fresh = found.header.height == Height::ZERO;
    let wal = timed(&place.data_dir.join("wal"), FsyncOf::Wal)?;
    let sign = timed(&place.sign_dir, FsyncOf::SignState)?;
    let (journal, records, bodies, standing) = Journal::open(wal, sign, found.chain, key, fresh, config)?;
    Ok(Voting { journal, records, bodies, standing })
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
    /// Its finalization.
    pub certificate: Option<Certificate>,
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
    let certificate = store.certificate(header.height)?;
    Ok(Found { chain, header, state, certificate })
}

/// The log and the sign state of a validator: they become durable together.
#[derive(Debug)]
pub struct Journal<W: Dir, S: Dir> {
    wal: Wal<W>,
    signer: Signer<S>,
}

impl<W: Dir, S: Dir> Journal<W, S> {
    /// Opens both, and returns what the log knows. `fresh` says that nothing was ever committed here.
    ///
    /// # Errors
    /// [`StorageError`]; a missing sign state beside data in use is one.
    pub fn open(
        wal: W,
        sign: S,
        chain: Hash,
        key: SecretKey,
        fresh: bool,
        config: WalConfig,
    ) -> Result<(Self, Vec<Record>, Vec<Block>, Standing), StorageError> {
        let wal = Wal::open(wal, config)?;
        let (records, bodies) = read_log(&wal)?;
        let data = if fresh && wal.last_group().is_none() { DataDir::Empty } else { DataDir::InUse };
        let votes: Vec<Vote> = records
            .iter()
            .filter_map(|r| if let Record::Vote(signed) = r { Some(signed.vote) } else { None })
            .collect();
        let (signer, standing) = Signer::open(sign, chain, key, data)?.reconcile(votes)?;
        Ok((Self { wal, signer }, records, bodies, standing))
    }

    /// Makes one group durable.
    ///
    /// # Errors
    /// [`PersistError`]; the process must end.
    pub fn persist(&mut self, order: Order, syncs: Syncs) -> Result<Done, PersistError> {
        let Order { token, height, records, votes } = order;
        let Persisted { signed, refused } =
            persist(&mut self.wal, &mut self.signer, height, &records, &votes, syncs)?;
        Ok(Done::Persisted { token, signed, refused })
    }

    /// Lets go of what the database covers.
    ///
    /// # Errors
    /// [`PersistError`]; the process must end.
    pub fn release(&mut self, height: Height) -> Result<(), PersistError> {
        self.wal.release(height)?;
        Ok(())
    }
}

fn read_log<W: Dir>(wal: &Wal<W>) -> Result<(Vec<Record>, Vec<Block>), StorageError> {
    let (mut records, mut bodies) = (Vec::new(), Vec::new());
    for group in wal.replay() {
        for record in group?.decode::<WalRecord>()? {
            match record {
                WalRecord::Consensus(record) => records.push(record),
                body @ WalRecord::Body(_) => bodies.extend(body.block()?),
            }
        }
    }
    Ok((records, bodies))
}

impl Found {
    /// What a driver starts from, with what the log knows.
    #[must_use]
    pub fn boot(self, records: Vec<Record>, bodies: Vec<Block>) -> Boot {
        Boot { header: self.header, state: self.state, certificate: self.certificate, records, bodies }
    }
}
