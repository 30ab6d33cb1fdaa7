//! `node_*` and `evidence_list`: peers, consensus, evidence.

use crate::{Anchored, At, Page, PageRequest, RpcResult, decimal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wattle_primitives::{Epoch, Height, PublicKey, SignedVote, TimeMs, ValidatorIndex, View};

/// Queries about this node.
pub trait NodeQueries {
    /// Peers that are connected or banned; the node bounds their number.
    fn node_peers(&self) -> RpcResult<Anchored<Peers>>;

    /// State of consensus on this node.
    fn node_consensus(&self) -> RpcResult<ConsensusReply>;

    /// Evidence of misbehaviour that this node holds, newest first.
    fn evidence(&self, page: PageRequest) -> RpcResult<Page<EvidenceItem>>;
}

methods![
    query!("node_peers", "Peers that are connected or banned, with their score.", node_peers()),
    query!("node_consensus", "What consensus is doing on this node.", node_consensus()),
    list!("evidence_list", "Evidence of misbehaviour, newest first.", evidence()),
    method!("rpc.discover", "This description, as OpenRPC.", [], Discover),
];

/// `node_peers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Peers {
    /// The peers.
    pub peers: Vec<PeerInfo>,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PeerDirection {
    /// The peer.
    Inbound,
    /// This node.
    Outbound,
}

/// A ban in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PeerBan {
    /// Reason: a stable snake_case code.
    pub reason: String,
    /// How long it still lasts, ms.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub remaining_ms: u64,
}

/// A peer that is connected or banned, in `node_peers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Its part in the network: `validator`, `full` or `light`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["validator", "full", "light"])))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub view_age_ms: u64,
    /// How long the leader has in this view to propose, ms, with its growth.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub leader_timeout_ms: u64,
    /// How long the view has from the proposal's arrival, ms, with its growth.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub advance_timeout_ms: u64,
    /// Views ended without a block since the node started.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub nullifications: u64,
    /// Finalized blocks that wait for the disk.
    pub commit_backlog: u32,
}

/// Proof that a validator broke a rule: two votes that no honest validator signs both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
