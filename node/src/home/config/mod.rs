//! A node's configuration file: every setting with its default, and how each reaches the part that it sets.

mod p2p;
mod rpc;

pub use p2p::{
    AddressRange, AddressRangeError, GateSection, Kademlia, Mdns, P2P_PORT, P2pLimits, P2pSection, listen_on,
};
pub use rpc::{RpcLimits, RpcSection};

use super::settings::{Any, Refused, Section, Settings as _, check, settings, to_toml};
use std::time::Duration;

/// Most of anything that is counted, such as connections.
const COUNT_MAX: usize = 65_536;
/// Most bytes of memory for one purpose.
const MEMORY_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Longest time of one step, in ms: an hour.
const STEP_MS_MAX: u64 = 3_600_000;
/// Least size of a segment of the consensus log, bytes: a page for its head, and one for a group.
const WAL_SEGMENT_BYTES_MIN: u64 = 8 * 1024;
/// Bounds of a table's write buffer, bytes.
const DB_WRITE_BUFFER_BYTES: std::ops::RangeInclusive<u32> = 64 * 1024..=256 * 1024 * 1024;

settings! {
    /// A node's configuration, as it stands in `config.toml`.
    pub struct NodeConfigFile {
        /// Name for people, shown in logs and status lines.
        name: String = "node".to_owned(), Any("any text");
    }
    sections {
        p2p: P2pSection,
        rpc: RpcSection,
        mempool: MempoolSection,
        storage: StorageSection,
    }
}

settings! {
    /// Transactions that wait for a block: by default about 200 MiB of memory when full.
    pub struct MempoolSection {
        with standard = crate::mempool::Limits::NODE;
        /// Most transactions.
        transactions_max: usize = standard.count, 1024..=4_194_304;
        /// Most bytes of encoded transactions.
        transactions_bytes: usize = standard.bytes, 4 * 1024 * 1024..=MEMORY_BYTES_MAX;
        /// Most transactions of one sender.
        sender_transactions_max: usize = standard.account_count, 1..=COUNT_MAX;
        /// Most bytes of one sender's. At most a sixteenth of transactions_bytes: one sender cannot fill the pool.
        sender_bytes: usize = standard.account_bytes, 256 * 1024..=64 * 1024 * 1024;
        /// How far a transaction's nonce may be ahead of its sender's next.
        nonces_ahead_max: u64 = standard.nonces_ahead, 1..=65_536;
        /// Most ids remembered as final, and as many as rejected.
        recent_max: usize = standard.recent, 1024..=4_194_304;
        /// How long a rejected transaction is refused, in block time.
        rejected_ms: u64 = standard.rejected_ms, 0..=STEP_MS_MAX;
    }
}

settings! {
    /// The disk.
    #[derive(Copy)]
    pub struct StorageSection {
        /// Free bytes below which this node proposes and notarizes nothing new and takes no transactions, until there
        /// are more again; 0 never.
        reserve_bytes: u64 = 256 * 1024 * 1024, 0..=1_000_000_000_000;
        /// Size at which a segment of the consensus log is closed.
        wal_segment_bytes: u64 = crate::wal::SEGMENT_BYTES, WAL_SEGMENT_BYTES_MIN..=crate::wal::SEGMENT_BYTES;
        /// Writes that a table of the database keeps in memory.
        db_write_buffer_bytes: u32 = 8 * 1024 * 1024, DB_WRITE_BUFFER_BYTES;
    }
}

impl NodeConfigFile {
    /// Every setting, section by section, in the order of the file.
    ///
    /// # Errors
    /// A number that TOML cannot write; none that was read.
    pub fn settings(&self) -> Result<Vec<Section>, toml::ser::Error> {
        self.sections("")
    }

    /// The file, with what each setting is for, what is allowed, and its default.
    ///
    /// # Errors
    /// As [`Self::settings`].
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        Ok(to_toml(&self.settings()?))
    }

    /// Refuses what is out of bounds, and what does not go together.
    pub(super) fn check(&self, sections: &[Section]) -> Result<(), Refused> {
        check(sections)?;
        let size = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let (p2p, rpc, mempool) = (&self.p2p.limits, &self.rpc.limits, &self.mempool);
        let orders = [
            (
                "p2p.limits.connections_incoming_max",
                p2p.connections_incoming_max.into(),
                "p2p.limits.connections_max",
                p2p.connections_max.into(),
            ),
            (
                "p2p.limits.connections_validators",
                p2p.connections_validators.into(),
                "p2p.limits.connections_incoming_max - 1",
                p2p.connections_incoming_max.saturating_sub(1).into(),
            ),
            (
                "p2p.limits.connections_meters",
                p2p.connections_meters.into(),
                "p2p.limits.connections_incoming_max - p2p.limits.connections_validators - 1",
                p2p.connections_incoming_max
                    .saturating_sub(p2p.connections_validators)
                    .saturating_sub(1)
                    .into(),
            ),
            (
                "p2p.limits.connections_pending_per_network_max",
                size(p2p.connections_pending_per_network_max),
                "p2p.limits.connections_pending_max",
                p2p.connections_pending_max.into(),
            ),
            (
                "p2p.limits.requests_per_peer_max",
                size(p2p.requests_per_peer_max),
                "p2p.limits.requests_max",
                size(p2p.requests_max),
            ),
            (
                "p2p.limits.answers_per_peer_bytes",
                size(p2p.answers_per_peer_bytes),
                "p2p.limits.answers_bytes",
                size(p2p.answers_bytes),
            ),
            (
                "p2p.limits.answer_timeout_ms",
                p2p.answer_timeout_ms,
                "p2p.limits.request_timeout_ms",
                p2p.request_timeout_ms,
            ),
            (
                "rpc.limits.websockets_max",
                size(rpc.websockets_max),
                "rpc.limits.connections_max - 1",
                size(rpc.connections_max.saturating_sub(1)),
            ),
            (
                "rpc.limits.ping_interval_ms",
                rpc.ping_interval_ms,
                "rpc.limits.silence_max_ms",
                rpc.silence_max_ms,
            ),
            (
                "mempool.sender_bytes",
                size(mempool.sender_bytes),
                "mempool.transactions_bytes / 16",
                size(mempool.transactions_bytes / 16),
            ),
        ];
        let broken = orders.into_iter().find(|(_, value, _, max)| value > max);
        broken.map_or(Ok(()), |(setting, value, name, max): (&str, u64, &str, u64)| {
            let allowed = format!("at most {name}, which is {max}");
            Err(Refused { setting: setting.to_owned(), value: value.to_string(), allowed })
        })
    }
}

impl MempoolSection {
    /// Bounds of the pool.
    #[must_use]
    pub const fn limits(&self) -> crate::mempool::Limits {
        crate::mempool::Limits {
            count: self.transactions_max,
            bytes: self.transactions_bytes,
            account_count: self.sender_transactions_max,
            account_bytes: self.sender_bytes,
            nonces_ahead: self.nonces_ahead_max,
            recent: self.recent_max,
            rejected_ms: self.rejected_ms,
        }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
