//! `chain_*`: status, blocks, validators, parameters, proofs of events.

use crate::{At, EventPosition, Liveness, RpcResult, hex_bytes};
#[cfg(feature = "schema")]
use crate::{RpcError, params::Count};
use serde::{Deserialize, Serialize};
use wattle_primitives::merkle::ListProof;
use wattle_primitives::validator::VotingPower;
use wattle_primitives::{
    BlockId, Certificate, ChainParams, Epoch, Event, Hash, Header, Height, TimeMs, ValidatorSet, View, Weight,
};

/// Queries about the chain.
pub trait ChainQueries {
    /// Where the chain stands.
    fn chain_status(&self) -> RpcResult<ChainStatus>;

    /// A block, final or notarized.
    fn chain_block(&self, id: BlockId) -> RpcResult<BlockReply>;

    /// A header with its proof of finality and its validators; the newest when `height` is `None`.
    fn chain_light_block(&self, height: Option<Height>) -> RpcResult<LightBlock>;

    /// The set of `epoch`; the current one when `None`. Later epochs as far as they are decided.
    fn chain_validators(&self, epoch: Option<Epoch>) -> RpcResult<ValidatorsReply>;

    /// The protocol parameters in force.
    fn chain_params(&self) -> RpcResult<ParamsReply>;

    /// An event of a finalized block, with its proof.
    fn chain_event_proof(&self, at: EventPosition) -> RpcResult<EventProof>;
}

methods![
    query!("chain_status", "Where the chain stands, as this node sees it.", chain_status()),
    query!(
        "chain_getBlock",
        "A block by height or hash, with its proof of finality.",
        [opt::<Height>("height"), opt::<Hash>("hash")],
        |node, params| match (params.opt("height")?, params.opt("hash")?) {
            (Some(height), None) => node.chain_block(BlockId::Height(height)),
            (None, Some(hash)) => node.chain_block(BlockId::Hash(hash)),
            _ => Err(RpcError::params("give either height or hash")),
        }
    ),
    query!(
        "chain_getLightBlock",
        "A header with its proof of finality and its validators; the newest without a height.",
        chain_light_block(opt::<Height>("height"))
    ),
    query!(
        "chain_getValidators",
        "The validator set of an epoch; the current one without.",
        chain_validators(opt::<Epoch>("epoch"))
    ),
    query!("chain_getParams", "The protocol parameters in force.", chain_params()),
    query!(
        "chain_getEventProof",
        "An event of a finalized block, with the proof that it happened.",
        [req::<Height>("height"), req::<u32>("index")],
        |node, params| {
            let (height, Count(index)) = (params.req("height")?, params.req("index")?);
            node.chain_event_proof(EventPosition { height, index })
        }
    ),
];

/// `chain_status`: where the chain stands, as this node sees it. `height` is the last finalized.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChainStatus {
    /// Last finalized height.
    #[serde(flatten)]
    pub at: At,
    /// Name of the chain, for people.
    pub chain_id: String,
    /// Identity of the chain: hash of the header of height 0.
    pub genesis_hash: Hash,
    /// Hash of the last finalized block.
    pub hash: Hash,
    /// State after it.
    pub state_root: Hash,
    /// Its time, ms UTC.
    pub time_ms: TimeMs,
    /// Epoch that decides on the next height.
    pub epoch: Epoch,
    /// View that this node is in; 0 when it takes no part in consensus.
    pub view: View,
    /// Validators in that epoch's set.
    pub validators: u32,
    /// Connected peers.
    pub peers: u32,
    /// Whether this node is behind and fetching blocks.
    pub syncing: bool,
    /// Validators that it hears, and whether they are a quorum.
    pub liveness: Liveness,
    /// Lowest height whose block is kept here.
    pub horizon: Height,
    /// Transactions waiting here.
    pub mempool_txs: u32,
    /// Version of this program.
    pub version: String,
    /// Version of the protocol it speaks.
    pub protocol_version: u32,
}

/// `chain_getBlock`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BlockReply {
    /// The block's height, and whether it is final.
    #[serde(flatten)]
    pub at: At,
    /// Its header.
    pub header: Header,
    /// Its hash.
    pub hash: Hash,
    /// Ids of its transactions, in order.
    pub tx_ids: Vec<Hash>,
    /// Events in the block, of all its transactions and its own.
    pub event_count: u32,
    /// Encoded size in bytes.
    pub size_bytes: u32,
    /// Weight of its transactions.
    pub weight: Weight,
    /// The certificate for the last header of `path`, or for this block when `path` is empty. Absent for genesis and
    /// for what is not final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalization: Option<Certificate>,
    /// Headers above this one up to the certified one, rising; empty when the certificate is this block's own.
    pub path: Vec<Header>,
}

/// `chain_getLightBlock`: what a light client needs to believe a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LightBlock {
    /// The header's height.
    #[serde(flatten)]
    pub at: At,
    /// The header.
    pub header: Header,
    /// Its hash.
    pub hash: Hash,
    /// As in `chain_getBlock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalization: Option<Certificate>,
    /// As in `chain_getBlock`.
    pub path: Vec<Header>,
    /// The set whose hash is the header's `validatorsHash`.
    pub validators: ValidatorSet,
}

/// `chain_getValidators`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ValidatorsReply {
    /// Last finalized height.
    #[serde(flatten)]
    pub at: At,
    /// The epoch the set decides in.
    pub epoch: Epoch,
    /// Hash of the set, as headers carry it.
    pub hash: Hash,
    /// The members, in the order of their index.
    pub validators: ValidatorSet,
    /// Power of all members together.
    pub total_power: VotingPower,
    /// Least power that decides.
    pub quorum: VotingPower,
}

/// `chain_getEventProof`: an event with everything needed to check that it happened.
///
/// Check, in this order: `finalization` against the validator set; `path` from `header` to the certified one; `proof`
/// of `H(wattle:receipt-leaf:v1, leaf)` under `header.receiptsRoot`; that `leaf` holds the event: it is the encoded
/// list of the block's own events when the proof's index is 0, else the encoded receipt of transaction `index - 1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventProof {
    /// Which block.
    #[serde(flatten)]
    pub at: At,
    /// The event's number in the block.
    pub index: u32,
    /// The event.
    pub event: Event,
    /// Its number within the leaf.
    pub place: u32,
    /// Bytes whose hash the proof shows.
    #[serde(with = "hex_bytes", rename = "leafHex")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Hex"))]
    pub leaf: Vec<u8>,
    /// Shows the leaf's hash under the header's receipts root.
    pub proof: ListProof,
    /// The block's header.
    pub header: Header,
    /// Certificate of the last header of `path`, or of `header` when `path` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalization: Option<Certificate>,
    /// Headers above `header` up to the certified one.
    pub path: Vec<Header>,
}

/// `chain_getParams`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ParamsReply {
    /// Last finalized height.
    #[serde(flatten)]
    pub at: At,
    /// The epoch they hold in.
    pub epoch: Epoch,
    /// The parameters.
    pub params: ChainParams,
}
