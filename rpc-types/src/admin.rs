//! `admin_*`: what only the node's operator may do.

#[cfg(feature = "schema")]
use crate::limits::{BAN_SECONDS_DEFAULT, BAN_SECONDS_MAX, LOG_FILTER_BYTES_MAX};
#[cfg(feature = "schema")]
use crate::{RpcError, params::Count};
use crate::{RpcResult, decimal};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use wattle_primitives::{Hash, Height, PublicKey};

/// A node, seen from its operator. Called on a blocking thread; nothing here waits.
///
/// # Errors
/// [`RpcError`]: `Busy` when the node's part concerned has too much to do, `Unavailable` when it stops, `InvalidParams`
/// for an address, peer id or filter that is none.
///
/// [`RpcError`]: crate::RpcError
pub trait Admin: Send + Sync + 'static {
    /// The program that runs here, and the places of its files.
    fn node_info(&self) -> RpcResult<NodeInfo>;

    /// Stays connected with the peer at this multiaddr from now on, until the node ends.
    fn add_peer(&self, address: &str) -> RpcResult<()>;

    /// Stops staying connected with a peer, and disconnects it. It may come back by itself.
    fn remove_peer(&self, peer_id: &str) -> RpcResult<()>;

    /// Disconnects a peer and refuses it for a time.
    fn ban_peer(&self, peer_id: &str, time: Duration) -> RpcResult<()>;

    /// Ends a ban.
    fn unban_peer(&self, peer_id: &str) -> RpcResult<()>;

    /// Replaces the filter of the log; returns the one before.
    fn set_log_filter(&self, filter: &str) -> RpcResult<String>;

    /// Stops the node in order. Returns before it has ended.
    fn stop(&self) -> RpcResult<()>;
}

methods![
    order!(
        "admin_nodeInfo",
        "What runs here, where its files are, and which of them belong in a backup.",
        [],
        |node, _| node.node_info()
    ),
    order!(
        "admin_addPeer",
        "Stays connected with the peer at a multiaddr until the node ends.",
        [req::<String>("address")],
        |node, params| node.add_peer(&params.req::<String>("address")?).map(|()| Done::YES)
    ),
    order!(
        "admin_removePeer",
        "Stops staying connected with a peer and disconnects it.",
        [req::<String>("peerId")],
        |node, params| node.remove_peer(&params.req::<String>("peerId")?).map(|()| Done::YES)
    ),
    order!(
        "admin_ban",
        "Disconnects a peer and refuses it for a time.",
        [req::<String>("peerId"), opt::<u32>("seconds")],
        |node, params| {
            let peer = params.req::<String>("peerId")?;
            let seconds = params.opt::<Count>("seconds")?.map_or(BAN_SECONDS_DEFAULT, |count| count.0);
            if !(1..=BAN_SECONDS_MAX).contains(&seconds) {
                let detail = format!("parameter \"seconds\" must be 1 to {BAN_SECONDS_MAX}");
                return Err(RpcError::params(detail));
            }
            node.ban_peer(&peer, Duration::from_secs(seconds.into())).map(|()| Done::YES)
        }
    ),
    order!("admin_unban", "Ends a ban.", [req::<String>("peerId")], |node, params| {
        node.unban_peer(&params.req::<String>("peerId")?).map(|()| Done::YES)
    }),
    order!(
        "admin_setLogLevel",
        "Replaces the log's filter, such as info or warn,wattle_node=debug; answers the one before.",
        [req::<String>("filter")],
        |node, params| {
            let filter = params.req::<String>("filter")?;
            if filter.len() > LOG_FILTER_BYTES_MAX {
                return Err(RpcError::limit("log filter in bytes", LOG_FILTER_BYTES_MAX));
            }
            let before = node.set_log_filter(&filter)?;
            Ok(LogFilter { before, filter })
        }
    ),
    order!("admin_stop", "Stops the node in order.", [], |node, _| node.stop().map(|()| Done::YES)),
];

/// The answer to an order that has nothing else to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Done {
    /// Always true.
    pub done: bool,
}

impl Done {
    /// The order was carried out.
    pub const YES: Self = Self { done: true };
}

/// `admin_setLogLevel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogFilter {
    /// The filter before.
    pub before: String,
    /// The filter from now on.
    pub filter: String,
}

/// `admin_nodeInfo`: the program that runs here, and the places of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// Name for people.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// How long it has run, ms.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub uptime_ms: u64,
    /// Genesis hash.
    pub genesis_hash: Hash,
    /// Last finalized height.
    pub height: Height,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Multiaddresses it listens on for peers.
    pub listen: Vec<String>,
    /// Where JSON-RPC is served.
    pub rpc: String,
    /// Its validator key, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<PublicKey>,
    /// The log's filter.
    pub log_filter: String,
    /// Its files.
    pub files: NodeFiles,
}

/// A node's files, by what to do with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeFiles {
    /// The node's directory.
    pub home: String,
    /// Back these up, once: they do not change.
    pub back_up: Vec<String>,
    /// Never copy, restore or delete: what was signed. An old copy can make the validator sign twice.
    pub never_restore: Vec<String>,
    /// Can be fetched again from peers; need no backup.
    pub rebuildable: Vec<String>,
    /// Bytes of the rebuildable files.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub rebuildable_bytes: u64,
    /// Bytes that are free where they lie.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub free_bytes: u64,
}
