//! A node in its surroundings: network, threads, clocks.
//!
//! [`Node::start`] opens what is on disk, starts network and threads, and lets the loop run (`event_loop`).

mod encoded;
mod event_loop;
mod holds;
mod makers;
mod observe;
pub mod serve;
pub mod shared;
mod space;
pub mod storage;
pub mod threads;

use crate::driver::{Driver, Halt, Setup};
use crate::journal::Journal;
use crate::signer::{Barred, SignerError};
use crate::wal::WalError;
use crate::work::{TxCache, Worker};
use event_loop::Loop;
use makers::Makers;
use observe::Observer;
use shared::{Shared, View};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use storage::StorageError;
use threads::{Fatal, Threads};
use tokio::sync::{mpsc, watch};
use wattle_host::FileError;
use wattle_host::dir::OsDir;
use wattle_p2p::Handle;
use wattle_p2p::wire::{Role, ValidatorProof};
use wattle_primitives::{Genesis, Hash, SecretKey};
use wattle_rpc::metrics::Metrics;
use wattle_runtime::{Store, StoreError};

/// Everything that a node is started with.
pub struct NodeConfig {
    /// Where data are kept.
    pub place: crate::home::Place,
    /// The chain.
    pub genesis: Arc<Genesis>,
    /// Our validator key, if this node is to vote.
    pub validator_key: Option<SecretKey>,
    /// The network; genesis, proof, validators and height are filled in.
    pub network: wattle_p2p::Config,
    /// Bounds of the mempool.
    pub mempool: crate::mempool::Limits,
    /// Where figures are counted.
    pub metrics: Arc<Metrics>,
}

/// Why a node does not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data on disk cannot be opened.
    #[error("cannot open the node's data")]
    Storage(#[from] StorageError),
    /// The network.
    #[error("cannot start the network")]
    Network(#[from] wattle_p2p::Error),
    /// No thread to be had.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// Going on would be unsafe. The process exits with its own code, and is not to be restarted unseen.
    #[error("safety halt")]
    Halt(#[from] Halt),
    /// The disk failed while running.
    #[error("storage failed while running")]
    Fatal(#[from] Fatal),
    /// The loop ended without a word.
    #[error("the node's loop ended unexpectedly")]
    Lost,
}

impl NodeError {
    /// Whether a full disk is at the bottom of it: nothing that was acknowledged is lost, and the node can be started
    /// again once there is room.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.is_due_to(|at| {
            let file = at.downcast_ref::<FileError>().is_some_and(FileError::is_full);
            file || matches!(at.downcast_ref(), Some(StoreError::Full { .. }))
        })
    }

    /// Whether a corrupt consensus log is, for which there is a cure: `wattle doctor --cure-log`.
    #[must_use]
    pub fn is_log_corrupt(&self) -> bool {
        self.is_due_to(|at| matches!(at.downcast_ref(), Some(WalError::MidLogCorruption { .. })))
    }

    /// Whether another process is, which signs with the same sign state.
    #[must_use]
    pub fn is_signer_in_use(&self) -> bool {
        self.is_due_to(|at| matches!(at.downcast_ref(), Some(SignerError::Locked { .. })))
    }

    fn is_due_to(&self, cause: impl Fn(&(dyn std::error::Error + 'static)) -> bool) -> bool {
        let mut error: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(at) = error {
            if cause(at) {
                return true;
            }
            error = at.source();
        }
        false
    }
}

/// A running node.
pub struct Node {
    /// The chain as readers see it.
    pub shared: Arc<Shared>,
    /// The network.
    pub network: Handle,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<Result<(), NodeError>>,
}

impl Node {
    /// Opens what is on disk, starts network and threads, and lets the driver run.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let genesis = Arc::clone(&config.genesis);
        let key = config.validator_key.as_ref().map(SecretKey::public);
        let metrics = Arc::clone(&config.metrics);
        let opened = tokio::task::block_in_place(|| Opened::open(&config))?;
        let Opened { store, driver, view, chain, journal } = opened;
        let schedule = Arc::clone(&view.schedule);
        let (reports, inbox) = mpsc::unbounded_channel();
        let worker = Worker { chain, schedule, cache: Arc::new(TxCache::default()) };
        let (shared, commands) = Shared::new(chain, genesis, key, Arc::clone(&store), view);
        let place = config.place.clone();
        // Steps that may fail for many reasons come before the threads: none may hold the database as the process ends.
        let (network, events) = wattle_p2p::spawn(network_config(config, &shared))?;
        let threads = Threads::start(worker, store, journal, &reports).map_err(NodeError::Thread)?;
        space::watch(&place, reports.clone());
        let (stop, stopped) = watch::channel(false);
        let observer = Observer::new(Arc::clone(&metrics), shared.key);
        let running = Loop {
            driver,
            shared: Arc::clone(&shared),
            network: network.clone(),
            metrics,
            threads,
            reports,
            responders: HashMap::new(),
            replies: HashMap::new(),
            tokens: 0,
            origin: Instant::now(),
            observer,
            makers: Makers::new(),
        };
        let ended = tokio::spawn(running.run(inbox, events, commands, stopped));
        Ok(Self { shared, network, stop, ended })
    }

    /// Asks the node to stop; [`Node::ended`] tells when it has.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Asks the node to stop when `true` is sent on it: for those who outlive this value.
    #[must_use]
    pub fn stopper(&self) -> watch::Sender<bool> {
        self.stop.clone()
    }

    /// Waits until the node has stopped, of itself or asked to.
    ///
    /// # Errors
    /// [`NodeError`] when it had to.
    pub async fn ended(&mut self) -> Result<(), NodeError> {
        (&mut self.ended).await.unwrap_or(Err(NodeError::Lost))
    }
}

/// The node as it was found on disk, ready to run.
struct Opened {
    store: Arc<dyn Store>,
    driver: Driver,
    view: View,
    chain: Hash,
    journal: Option<Journal<OsDir, OsDir>>,
}

impl Opened {
    fn open(config: &NodeConfig) -> Result<Self, StorageError> {
        let opened =
            storage::open(&config.place, &config.genesis, config.validator_key.as_ref(), &config.metrics)?;
        let storage::Opened { store, found, voting } = opened;
        let (mut records, mut bodies, mut given_up, mut journal) = (Vec::new(), Vec::new(), None, None);
        let (mut latest, mut barred) = (None, Barred::Free);
        if let Some(voting) = voting {
            if let crate::signer::Standing::SitOut { past } = voting.standing {
                tracing::warn!(%past, "the log has lost votes: sitting out until past that round");
            }
            (given_up, latest, barred) = (voting.given_up, voting.latest, voting.barred);
            (journal, records, bodies) = (Some(voting.journal), voting.records, voting.bodies);
        }
        if matches!(barred, Barred::Unasked | Barred::Until(_)) {
            event_loop::log_bar(barred);
        }
        let chain = found.chain;
        let view = View::of(&found);
        let key = config.validator_key.as_ref().map(SecretKey::public);
        let log_bytes = config.place.config.wal_segment_bytes;
        let setup = Setup { chain, key, mempool: config.mempool, log_bytes };
        let driver = Driver::new(setup, found.boot(records, bodies, given_up, latest, barred));
        Ok(Self { store, driver, view, chain, journal })
    }
}

fn network_config(config: NodeConfig, shared: &Arc<Shared>) -> wattle_p2p::Config {
    let mut network = config.network;
    network.genesis = shared.chain;
    network.height = shared.view().header.height;
    let registered = Arc::clone(shared);
    network.operator_of = Some(Arc::new(move |key| registered.view().operator_of(key)));
    network.role = if config.validator_key.is_some() { Role::Validator } else { Role::Full };
    network.validator_proof = config.validator_key.as_ref().map(|key| ValidatorProof {
        key: key.public(),
        signature: key.sign(&ValidatorProof::signing_bytes(&shared.chain, &network.node_key.peer_id())),
    });
    network
}
