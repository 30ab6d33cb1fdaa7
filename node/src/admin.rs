//! The operator's orders, carried out by a running node.

use crate::home::Home;
use crate::logs::{self, LogError};
use crate::run::Node;
use crate::run::shared::Shared;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use wattle_p2p::{Multiaddr, PeerId, SendError};
use wattle_rpc_types::{Admin, RpcError, RpcResult};
use wattle_rpc_types::{NodeFiles, NodeInfo};

/// Most files looked at when sizes are added up.
const FILES_MAX: usize = 100_000;
/// When ordering again makes sense while the network is busy, in ms.
const NETWORK_RETRY_MS: u64 = 500;

/// A node as its operator sees it.
pub struct NodeAdmin {
    name: String,
    rpc: String,
    home: Home,
    shared: Arc<Shared>,
    network: wattle_p2p::Handle,
    stop: watch::Sender<bool>,
    started: Instant,
}

impl NodeAdmin {
    /// Orders for `node`, which lives in `home` and serves JSON-RPC at `rpc`.
    #[must_use]
    pub fn new(node: &Node, home: &Home, name: String, rpc: String) -> Self {
        Self {
            name,
            rpc,
            home: home.clone(),
            shared: Arc::clone(&node.shared),
            network: node.network.clone(),
            stop: node.stopper(),
            started: Instant::now(),
        }
    }

    fn files(&self) -> NodeFiles {
        let text = |path: &Path| path.display().to_string();
        let home = &self.home;
        let keys = [home.config_path(), home.spec_path(), home.node_key_path(), home.validator_key_path()];
        let data = home.data_dir();
        let free =
            rustix::fs::statvfs(&data).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
        NodeFiles {
            home: text(home.path()),
            back_up: keys.iter().filter(|path| path.exists()).map(|path| text(path)).collect(),
            never_restore: vec![text(&home.sign_dir())],
            rebuildable: vec![text(&data)],
            rebuildable_bytes: bytes_in(&data.join("db")).saturating_add(bytes_in(&data.join("wal"))),
            free_bytes: free,
        }
    }
}

/// Bytes of the files of one directory.
fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let sizes = entries.take(FILES_MAX).filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()));
    sizes.fold(0, u64::saturating_add)
}

fn peer(text: &str) -> RpcResult<PeerId> {
    text.parse().map_err(|error| RpcError::params(format!("parameter \"peerId\": {error}")))
}

fn sent(result: Result<(), SendError>) -> RpcResult<()> {
    result.map_err(|error| match error {
        SendError::Full => RpcError::Busy { what: "the network's queue", retry_after_ms: NETWORK_RETRY_MS },
        other => RpcError::Unavailable { reason: other.to_string() },
    })
}

impl Admin for NodeAdmin {
    fn node_info(&self) -> RpcResult<NodeInfo> {
        Ok(NodeInfo {
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            genesis_hash: self.shared.chain,
            height: self.shared.view().header.height,
            peer_id: self.network.peer_id().to_string(),
            listen: self.network.listen_addrs().iter().map(ToString::to_string).collect(),
            rpc: self.rpc.clone(),
            validator: self.shared.key,
            log_filter: logs::filter(),
            files: self.files(),
        })
    }

    fn add_peer(&self, address: &str) -> RpcResult<()> {
        let address: Multiaddr =
            address.parse().map_err(|error| RpcError::params(format!("parameter \"address\": {error}")))?;
        sent(self.network.connect(address))
    }

    fn remove_peer(&self, peer_id: &str) -> RpcResult<()> {
        sent(self.network.forget(peer(peer_id)?))
    }

    fn ban_peer(&self, peer_id: &str, time: Duration) -> RpcResult<()> {
        sent(self.network.ban(peer(peer_id)?, time))
    }

    fn unban_peer(&self, peer_id: &str) -> RpcResult<()> {
        sent(self.network.unban(peer(peer_id)?))
    }

    fn set_log_filter(&self, filter: &str) -> RpcResult<String> {
        logs::set_filter(filter).map_err(|error| match error {
            LogError::Filter { .. } => RpcError::params(format!("parameter \"filter\": {error}")),
            LogError::Off => RpcError::Unavailable { reason: error.to_string() },
        })
    }

    fn stop(&self) -> RpcResult<()> {
        tracing::info!("stopping by order of the operator");
        self.stop.send_replace(true);
        Ok(())
    }
}
