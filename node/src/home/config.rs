//! A node's configuration file.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use wattle_chain_spec::NodeAddress;

/// A node's configuration, as it stands in `config.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfigFile {
    /// Name for people, shown in logs and status lines.
    pub name: String,
    /// The peer-to-peer network.
    pub p2p: P2pSection,
    /// The interface for wallets.
    pub rpc: RpcSection,
    /// The disk.
    #[serde(default)]
    pub storage: StorageSection,
}

/// The peer-to-peer part of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct P2pSection {
    /// Multiaddrs to listen on, such as `/ip4/0.0.0.0/tcp/8650` and `/ip4/0.0.0.0/udp/8650/quic-v1`.
    pub listen: Vec<String>,
    /// Peers to stay connected with: for a validator all other validators.
    #[serde(default)]
    pub persistent: Vec<NodeAddress>,
}

/// The interface's part of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RpcSection {
    /// Address to serve on. Loopback unless something in front of it adds limits of its own.
    pub listen: SocketAddr,
    /// Host names that requests may name besides loopback.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may call.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Addresses and networks of reverse proxies that say for whom they ask.
    #[serde(default)]
    pub trusted_proxies: Vec<wattle_rpc::config::Network>,
    /// The header in which they say it.
    #[serde(default)]
    pub client_address_header: wattle_rpc::config::AddressHeader,
}

/// The disk's part of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSection {
    /// Free bytes below which this node proposes and notarizes nothing new and takes no transactions, until there
    /// are more again; 0 never.
    pub reserve_bytes: u64,
    /// Size at which a segment of the consensus log is closed, bytes.
    pub wal_segment_bytes: u64,
    /// Writes that a table of the database keeps in memory, bytes.
    pub db_write_buffer_bytes: u32,
}

/// Least size of a segment of the consensus log, bytes: a page for its head, and one for a group.
const WAL_SEGMENT_BYTES_MIN: u64 = 8 * 1024;
/// Bounds of a table's write buffer, bytes.
const DB_WRITE_BUFFER_BYTES: std::ops::RangeInclusive<u32> = 64 * 1024..=256 * 1024 * 1024;

impl Default for StorageSection {
    fn default() -> Self {
        Self {
            reserve_bytes: 256 * 1024 * 1024,
            wal_segment_bytes: crate::wal::SEGMENT_BYTES,
            db_write_buffer_bytes: 8 * 1024 * 1024,
        }
    }
}

impl StorageSection {
    /// The setting that is out of bounds, if any.
    pub(super) fn fault(&self) -> Option<String> {
        let segment = WAL_SEGMENT_BYTES_MIN..=crate::wal::SEGMENT_BYTES;
        if !segment.contains(&self.wal_segment_bytes) {
            return Some(format!("storage.wal_segment_bytes must lie in {segment:?}"));
        }
        if !DB_WRITE_BUFFER_BYTES.contains(&self.db_write_buffer_bytes) {
            return Some(format!("storage.db_write_buffer_bytes must lie in {DB_WRITE_BUFFER_BYTES:?}"));
        }
        None
    }
}
