//! From a node's directory to a running node with its interfaces.

use crate::admin::NodeAdmin;
use crate::home::{Home, HomeError};
use crate::run::storage::StorageError;
use crate::run::{Node, NodeConfig, NodeError};
use crate::views::NodeBackend;
use std::sync::Arc;
use wattle_host::lock::{DirLock, KeyLock, LockError};
use wattle_p2p::NodeKey;
use wattle_primitives::{Genesis, SecretKey};
use wattle_rpc::{AdminServer, Metrics, RpcServer, ServeError};

/// A node that runs, and the interface that shows it.
pub struct Running {
    /// The node.
    pub node: Node,
    /// Its interface.
    pub rpc: RpcServer,
    /// Its operator's interface.
    pub admin: AdminServer,
    /// Its name.
    pub name: String,
    _locks: (DirLock, Option<KeyLock>),
}

/// Why a node does not come up.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Its directory.
    #[error("node directory")]
    Home(#[from] HomeError),
    /// Another process is there.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The node itself.
    #[error("node")]
    Node(#[from] NodeError),
    /// Its interface.
    #[error("interface")]
    Rpc(#[from] ServeError),
    /// Its network identity.
    #[error("network identity")]
    NodeKey(#[from] wattle_p2p::Error),
    /// Its metrics.
    #[error("metrics: {0}")]
    Metrics(String),
}

/// How a launch may differ from what the directory says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the interface may take the next free port when the configured one is busy.
    pub rpc_fallback: bool,
}

/// Starts the node of a directory and its interface.
///
/// # Errors
/// [`LaunchError`].
pub async fn launch(home: &Home, options: Options) -> Result<Running, LaunchError> {
    let config = home.config()?;
    let lock = DirLock::take(home.path())?;
    home.check_private()?;
    let spec = home.spec()?;
    let (validator_key, key_lock) = voting_key(home, &spec.genesis)?.unzip();
    let metrics = Arc::new(Metrics::new().map_err(|e| LaunchError::Metrics(e.to_string()))?);
    let network = config.p2p.network(&spec.network, node_key(&home.node_key()?)?)?;
    // The port is taken first: a node whose interface cannot come up should not start to vote.
    let listener = wattle_rpc::bind(config.rpc.listen, options.rpc_fallback).await?;
    let node = Node::start(NodeConfig {
        place: home.place(config.storage),
        genesis: Arc::new(spec.genesis),
        validator_key,
        network,
        mempool: config.mempool.limits(),
        metrics: Arc::clone(&metrics),
    })
    .await?;
    let backend = Arc::new(NodeBackend::new(Arc::clone(&node.shared), node.network.clone()));
    let pages = wattle_rpc::explorer::pages();
    let rpc = RpcServer::start(
        listener,
        config.rpc.interface(),
        backend.clone(),
        Arc::clone(&metrics),
        Some(pages),
    )?;
    let admin = Arc::new(NodeAdmin::new(&node, home, config.name.clone(), rpc.url()));
    let admin = AdminServer::start(&home.admin_path(), backend, admin, metrics)?;
    Ok(Running { node, rpc, admin, name: config.name, _locks: (lock, key_lock) })
}

/// The validator key, locked for this process; `None` when this node has none.
fn voting_key(home: &Home, genesis: &Genesis) -> Result<Option<(SecretKey, KeyLock)>, LaunchError> {
    let path = home.validator_key_path();
    if !path.exists() {
        return Ok(None);
    }
    let chain =
        wattle_runtime::chain_hash(genesis).map_err(|e| NodeError::Storage(StorageError::Genesis(e)))?;
    Ok(Some(KeyLock::take(&path, &chain)?))
}

/// The network identity made from a key.
///
/// # Errors
/// [`wattle_p2p::Error`].
pub fn node_key(key: &SecretKey) -> Result<NodeKey, wattle_p2p::Error> {
    let mut seed = zeroize::Zeroizing::new(*key.seed());
    NodeKey::from_seed(&mut seed)
}

impl Running {
    /// Stops the node, then its interfaces.
    ///
    /// # Errors
    /// [`NodeError`] when the node did not end well.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.node.stop();
        let ended = self.node.ended().await;
        self.close().await;
        ended
    }

    /// Stops the interfaces of a node that has ended, and gives its directory free.
    pub async fn close(self) {
        tokio::join!(self.rpc.stop(), self.admin.stop());
    }
}
