//! Status, blocks, validators, parameters.

use super::{NodeBackend, at, storage};
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::{BlockId, Certificate, Epoch, Header, Height, Weight, encode};
use wattle_rpc::types::{At, BlockReply, ChainStatus, LightBlock, ParamsReply, ValidatorsReply};
use wattle_rpc::{RpcError, RpcResult};
use wattle_runtime::query;

/// What proves a finalized header.
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

pub(super) fn status(node: &NodeBackend) -> RpcResult<ChainStatus> {
    let shared = &node.shared;
    let (view, status) = (shared.view(), node.status()?);
    let epoch = shared.genesis.params.epoch_of(view.header.height.next());
    let validators = query::validators(&view.state, epoch).map_or(0, |set| set.len());
    Ok(ChainStatus {
        at: at(&view),
        chain_id: shared.genesis.chain_id.clone(),
        genesis_hash: shared.chain,
        hash: view.hash,
        state_root: view.header.state_root,
        time_ms: view.header.time_ms,
        epoch,
        view: status.view,
        validators: count(validators),
        peers: count(status.peers),
        syncing: status.syncing,
        horizon: Height::ZERO, // this version keeps everything
        mempool_txs: count(status.mempool_txs),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_version: PROTOCOL_VERSION,
    })
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

pub(super) fn block(node: &NodeBackend, id: BlockId) -> RpcResult<BlockReply> {
    let store = &node.shared.store;
    let block = store.block(id).map_err(storage)?.ok_or_else(|| RpcError::not_found("block", name(id)))?;
    let height = block.header.height;
    let receipts = store.receipts(height).map_err(storage)?;
    let receipts = receipts.ok_or_else(|| RpcError::internal("a block's receipts are missing"))?;
    let (certificate, path) = finality(node, height)?.map_or((None, Vec::new()), |f| (f.certificate, f.path));
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

pub(super) fn light_block(node: &NodeBackend, height: Option<Height>) -> RpcResult<LightBlock> {
    let head = node.shared.view().header.height;
    let height = height.unwrap_or(head);
    if height > head {
        return Err(RpcError::not_found("block", height));
    }
    let Finality { header, certificate, path } = finality(node, height)?.ok_or_else(unproven)?;
    let epoch = node.shared.genesis.params.epoch_of(height);
    let validators = node.shared.genesis.validators(epoch).cloned();
    let validators = validators.ok_or_else(|| RpcError::internal("no validators are scheduled"))?;
    let hash = header.hash();
    Ok(LightBlock { at: At::finalized(height), header, hash, finalization: certificate, path, validators })
}

pub(super) fn validators(node: &NodeBackend, epoch: Option<Epoch>) -> RpcResult<ValidatorsReply> {
    let view = node.shared.view();
    let current = node.shared.genesis.params.epoch_of(view.header.height.next());
    let epoch = epoch.unwrap_or(current);
    let validators = query::validators(&view.state, epoch);
    let validators = validators.ok_or_else(|| RpcError::not_found("epoch", epoch))?;
    Ok(ValidatorsReply {
        at: at(&view),
        epoch,
        hash: validators.hash(),
        total_power: validators.total(),
        quorum: validators.quorum(),
        validators,
    })
}

pub(super) fn params(node: &NodeBackend) -> ParamsReply {
    let view = node.shared.view();
    let params = &node.shared.genesis.params;
    ParamsReply { at: at(&view), epoch: params.epoch_of(view.header.height.next()), params: params.into() }
}
