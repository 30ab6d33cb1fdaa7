//! From a node's directory to a running node with its interfaces.

use crate::admin::NodeAdmin;
use crate::home::{Home, HomeError};
use crate::mempool::Limits;
use crate::run::{Node, NodeConfig, NodeError};
use crate::views::NodeBackend;
use std::sync::Arc;
use wattle_host::lock::{DirLock, KeyLock, LockError};
use wattle_p2p::{Multiaddr, NodeKey};
use wattle_primitives::SecretKey;
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
    let validator_key = home.validator_key()?;
    let key_lock = match &validator_key {
        Some(key) => {
            let (_, header) = wattle_runtime::genesis(&spec.genesis)
                .map_err(|e| NodeError::Storage(crate::run::storage::StorageError::Genesis(e)))?;
            Some(KeyLock::take(&header.hash(), &key.public())?)
        }
        None => None,
    };
    let metrics = Arc::new(Metrics::new().map_err(|e| LaunchError::Metrics(e.to_string()))?);
    let mut network = wattle_p2p::Config::new(
        wattle_primitives::Hash::ZERO, // set by the node once it knows its genesis
        node_key(&home.node_key()?)?,
        wattle_p2p::wire::Role::Full,
    );
    network.listen = config.p2p.listen.iter().map(|a| multiaddr(a)).collect::<Result<_, _>>()?;
    network.persistent =
        config.p2p.persistent.iter().map(|a| multiaddr(a.as_str())).collect::<Result<_, _>>()?;
    network.bootstrap =
        spec.network.bootstrap.iter().map(|a| multiaddr(a.as_str())).collect::<Result<_, _>>()?;
    network.mdns = spec.network.mdns;
    // The port is taken first: a node whose interface cannot come up should not start to vote.
    let listener = wattle_rpc::bind(config.rpc.listen, options.rpc_fallback).await?;
    let node = Node::start(NodeConfig {
        place: home.place(config.storage),
        genesis: Arc::new(spec.genesis),
        validator_key,
        network,
        mempool: Limits::NODE,
        metrics: Arc::clone(&metrics),
    })
    .await?;
    let backend = Arc::new(NodeBackend::new(Arc::clone(&node.shared), node.network.clone()));
    let rpc_config = wattle_rpc::Config {
        allowed_hosts: config.rpc.allowed_hosts,
        allowed_origins: config.rpc.allowed_origins,
        proxies: wattle_rpc::config::Proxies {
            trusted: config.rpc.trusted_proxies,
            header: config.rpc.client_address_header,
        },
        ..wattle_rpc::Config::default()
    };
    let pages = wattle_rpc::explorer::pages();
    let rpc = RpcServer::start(listener, rpc_config, backend.clone(), Arc::clone(&metrics), Some(pages))?;
    let admin = Arc::new(NodeAdmin::new(&node, home, config.name.clone(), rpc.url()));
    let admin = AdminServer::start(&home.admin_path(), backend, admin, metrics)?;
    Ok(Running { node, rpc, admin, name: config.name, _locks: (lock, key_lock) })
}

/// The network identity made from a key.
///
/// # Errors
/// [`wattle_p2p::Error`].
pub fn node_key(key: &SecretKey) -> Result<NodeKey, wattle_p2p::Error> {
    let mut seed = zeroize::Zeroizing::new(*key.seed());
    NodeKey::from_seed(&mut seed)
}

fn multiaddr(text: &str) -> Result<Multiaddr, HomeError> {
    text.parse::<Multiaddr>()
        .map_err(|e| HomeError::Multiaddr { text: text.to_owned(), detail: e.to_string() })
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
