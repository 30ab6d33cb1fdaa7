//! Replies of `node_*`, `evidence_list`, `search_query` and the health pages.

use super::{At, decimal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wattle_primitives::{Epoch, Hash, Height, PublicKey, SignedVote, TimeMs, ValidatorIndex, View};

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerDirection {
    /// The peer.
    Inbound,
    /// This node.
    Outbound,
}

/// A ban in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerBan {
    /// What for: a stable snake_case code.
    pub reason: String,
    /// How long it still lasts, ms.
    #[serde(with = "decimal")]
    pub remaining_ms: u64,
}

/// A peer that is connected or banned, in `node_peers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerInfo {
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Whether it is connected and has completed the handshake.
    pub connected: bool,
    /// Multiaddress of the connection; of a banned peer the last, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Who opened the connection; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<PeerDirection>,
    /// What it is to the network: `validator`, `full` or `light`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The validator key it has proven, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<PublicKey>,
    /// Highest finalized height it has told; asked for every few seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
    /// Its program and version, as it says; empty until it has.
    pub agent: String,
    /// Last round-trip time, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u32>,
    /// Penalty points. They fade; 100 ban.
    pub score: u32,
    /// Penalties that are not forgotten yet: how many, by what they were for.
    pub penalties: BTreeMap<String, u32>,
    /// The ban in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ban: Option<PeerBan>,
}

/// `node_consensus`: what this node's consensus is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsensusReply {
    /// Last finalized height.
    #[serde(flatten)]
    pub at: At,
    /// Whether this node votes in the current epoch.
    pub validating: bool,
    /// Its position in the set, if it votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<ValidatorIndex>,
    /// Current epoch.
    pub epoch: Epoch,
    /// Current view.
    pub view: View,
    /// Leader of that view.
    pub leader: PublicKey,
    /// Position of the leader in the set.
    pub leader_index: ValidatorIndex,
    /// Highest height with a notarized block here.
    pub notarized_height: Height,
    /// How long this node has been in the view, ms.
    #[serde(with = "decimal")]
    pub view_age_ms: u64,
    /// How long the leader has in this view to propose, ms, with its growth.
    #[serde(with = "decimal")]
    pub leader_timeout_ms: u64,
    /// How long the view has from the proposal's arrival, ms, with its growth.
    #[serde(with = "decimal")]
    pub advance_timeout_ms: u64,
    /// Views ended without a block since the node started.
    #[serde(with = "decimal")]
    pub nullifications: u64,
    /// Finalized blocks that wait for the disk.
    pub commit_backlog: u32,
}

/// Proof that a validator broke a rule: two votes that no honest validator signs both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceItem {
    /// The validator's key.
    pub validator: PublicKey,
    /// Its position in the set of that epoch.
    pub index: ValidatorIndex,
    /// Epoch of the votes.
    pub epoch: Epoch,
    /// View of the votes.
    pub view: View,
    /// `double_vote` or what else it is: a stable code.
    pub kind: String,
    /// One vote.
    pub first: SignedVote,
    /// The other.
    pub second: SignedVote,
    /// When this node saw it, ms UTC.
    pub seen_ms: TimeMs,
}

/// Kinds of things a search finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchKind {
    /// A block; the target is its height.
    Block,
    /// A transaction; the target is its id.
    Tx,
    /// An account; the target is its address.
    Account,
    /// A meter; the target is its address.
    Meter,
    /// A microgrid; the target is its id.
    Microgrid,
    /// An open hold; the target is its id.
    Hold,
    /// An asset; the target is its id.
    Asset,
    /// A validator; the target is its key.
    Validator,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchHit {
    /// What it is.
    pub kind: SearchKind,
    /// How it is asked for.
    pub target: String,
}

/// `search_query`. Nothing found is the error `not_found`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchReply {
    /// Which state.
    #[serde(flatten)]
    pub at: At,
    /// The best match.
    #[serde(flatten)]
    pub best: SearchHit,
    /// Others that the text may mean.
    pub also: Vec<SearchHit>,
    /// Whether there are more than are listed.
    pub truncated: bool,
}

/// What `/healthy` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// All well.
    Ok,
    /// Works, but somebody should look: see the reasons.
    Degraded,
    /// Does not work and will not by itself. Answered with status 503.
    Failed,
}

/// `/healthy`: whether the process is alive and can do its work. Not whether its data are fresh: that is `/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Why it is not `ok`: stable snake_case codes, each also a gauge.
    pub reasons: Vec<String>,
}

/// `/ready`: whether answers are fresh enough to rely on. 200 when ready, else 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// The verdict.
    pub ready: bool,
    /// Last finalized height.
    pub height: Height,
    /// Heights behind the best that peers tell.
    #[serde(with = "decimal")]
    pub lag_heights: u64,
    /// Age of the last finalized block, ms.
    #[serde(with = "decimal")]
    pub lag_ms: u64,
    /// Why it is not ready: stable snake_case codes.
    pub reasons: Vec<String>,
}

/// `admin_nodeInfo`: what runs here, and where its files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub rebuildable_bytes: u64,
    /// Bytes that are free where they lie.
    #[serde(with = "decimal")]
    pub free_bytes: u64,
}
