//! Status, blocks, validators, parameters.

use super::health::liveness;
use super::{NodeBackend, at, storage};
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::merkle::ListProof;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{BlockId, Certificate, Epoch, Header, Height, Weight, encode};
use wattle_rpc_types::{
    At, BlockReply, ChainQueries, ChainStatus, EventPosition, EventProof, LightBlock, ParamsReply, RpcError,
    RpcResult, ValidatorsReply,
};

impl ChainQueries for NodeBackend {
    fn chain_status(&self) -> RpcResult<ChainStatus> {
        let shared = &self.shared;
        let (view, status) = (shared.view(), self.status()?);
        let epoch = view.next_epoch();
        Ok(ChainStatus {
            at: at(&view),
            chain_id: shared.genesis.chain_id.clone(),
            genesis_hash: shared.chain,
            hash: view.hash,
            state_root: view.header.state_root,
            time_ms: view.header.time_ms,
            epoch,
            view: status.view,
            validators: count(view.schedule.validators(epoch).len()),
            peers: count(status.peers),
            syncing: status.syncing,
            liveness: liveness(&status.quorum),
            horizon: Height::ZERO, // this version keeps everything
            mempool_txs: count(status.mempool_txs),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_version: PROTOCOL_VERSION,
        })
    }

    fn chain_block(&self, id: BlockId) -> RpcResult<BlockReply> {
        let store = &self.shared.store;
        let block =
            store.block(id).map_err(storage)?.ok_or_else(|| RpcError::not_found("block", name(id)))?;
        let height = block.header.height;
        let receipts = store.receipts(height).map_err(storage)?;
        let receipts = receipts.ok_or_else(|| RpcError::internal("a block's receipts are missing"))?;
        let (certificate, path) =
            finality(self, height)?.map_or((None, Vec::new()), |f| (f.certificate, f.path));
        Ok(BlockReply {
            at: At::finalized(height),
            hash: block.hash(),
            tx_ids: receipts.txs.iter().map(|receipt| receipt.tx).collect(),
            event_count: count(receipts.events().count()),
            size_bytes: count(encode(&block).len()),
            weight: receipts.txs.iter().fold(Weight::ZERO, |sum, receipt| sum.saturating_add(receipt.weight)),
            header: block.header,
            finalization: certificate,
            path,
        })
    }

    fn chain_light_block(&self, height: Option<Height>) -> RpcResult<LightBlock> {
        let view = self.shared.view();
        let height = height.unwrap_or(view.header.height);
        if height > view.header.height {
            return Err(RpcError::not_found("block", height));
        }
        let Finality { header, certificate, path } = finality(self, height)?.ok_or_else(unproven)?;
        let validators = view.schedule.validators(header.epoch).clone();
        let hash = header.hash();
        Ok(LightBlock {
            at: At::finalized(height),
            header,
            hash,
            finalization: certificate,
            path,
            validators,
        })
    }

    fn chain_validators(&self, epoch: Option<Epoch>) -> RpcResult<ValidatorsReply> {
        let view = self.shared.view();
        let epoch = epoch.unwrap_or_else(|| view.next_epoch());
        let validators = view.schedule.validators(epoch).clone();
        Ok(ValidatorsReply {
            at: at(&view),
            epoch,
            hash: validators.hash(),
            total_power: validators.total(),
            quorum: validators.quorum(),
            validators,
        })
    }

    fn chain_params(&self) -> RpcResult<ParamsReply> {
        let view = self.shared.view();
        let params = view.schedule.params();
        Ok(ParamsReply { at: at(&view), epoch: view.next_epoch(), params: params.into() })
    }

    fn chain_event_proof(&self, place: EventPosition) -> RpcResult<EventProof> {
        let EventPosition { height, index } = place;
        let missing = || RpcError::not_found("event", format!("{height}/{index}"));
        let receipts = self.shared.store.receipts(height).map_err(storage)?.ok_or_else(missing)?;
        let (leaf_index, within) = leaf_of(&receipts, index).ok_or_else(missing)?;
        let (leaf, event) = match leaf_index.checked_sub(1) {
            None => (encode(&receipts.block), receipts.block.get(within)),
            Some(tx) => match receipts.txs.get(tx) {
                Some(receipt) => (encode(receipt), receipt.events.get(within)),
                None => return Err(missing()),
            },
        };
        let event = event.cloned().ok_or_else(missing)?;
        let proof = ListProof::build(&receipts.leaves(), count(leaf_index));
        let proof =
            proof.ok_or_else(|| RpcError::internal("a block has more receipts than a list may have"))?;
        let Finality { header, certificate, path } = finality(self, height)?.ok_or_else(unproven)?;
        let place = count(within);
        Ok(EventProof {
            at: At::finalized(height),
            index,
            event,
            place,
            leaf,
            proof,
            header,
            finalization: certificate,
            path,
        })
    }
}

/// The proof that a header is final.
pub(super) struct Finality {
    /// The header.
    pub(super) header: Header,
    /// Certificate of the last header of `path`, or of `header`; `None` for genesis.
    pub(super) certificate: Option<Certificate>,
    /// Headers above it up to the certified one.
    pub(super) path: Vec<Header>,
}

/// The proof of a finalized height, as soon as it is on disk.
pub(super) fn finality(node: &NodeBackend, height: Height) -> RpcResult<Option<Finality>> {
    let Some(proven) = node.shared.store.proof(height).map_err(storage)? else { return Ok(None) };
    let mut path = proven.path.into_iter();
    let Some(header) = path.next() else { return Ok(None) };
    Ok(Some(Finality { header, certificate: proven.certificate, path: path.collect() }))
}

/// A block that was finalized with its descendants may be on disk a moment before their certificate is.
pub(super) fn unproven() -> RpcError {
    RpcError::Unavailable { reason: "the proof of finality is not on disk yet".to_owned() }
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn name(id: BlockId) -> String {
    match id {
        BlockId::Height(height) => height.to_string(),
        BlockId::Hash(hash) => hash.to_string(),
    }
}

/// Which leaf of the receipts holds event number `index` of the block, and its number within the leaf.
fn leaf_of(receipts: &BlockReceipts, index: u32) -> Option<(usize, usize)> {
    let mut rest = usize::try_from(index).ok()?;
    let leaves = std::iter::once(receipts.block.len()).chain(receipts.txs.iter().map(|r| r.events.len()));
    for (leaf, events) in leaves.enumerate() {
        match rest.checked_sub(events) {
            None => return Some((leaf, rest)),
            Some(after) => rest = after,
        }
    }
    None
}
