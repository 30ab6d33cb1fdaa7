//! Answers to peers from the database, the last committed state and the blocks above it.

use super::shared::{Shared, View};
use crate::work::VerifiedBlock;
use std::sync::Arc;
use wattle_p2p::wire::{
    AccountAnswer, EpochProof, ErrorCode, LightBlock, ProofAnswer, ProvenValue, ReceiptProof, Request,
    Response, SYNC_BLOCKS_MAX, SyncBlock, TxFate, answer_bytes_max,
};
use wattle_primitives::merkle::ListProof;
use wattle_primitives::{BlockId, BoundedBytes, BoundedVec, Epoch, Hash, Height, encode, planted};
use wattle_runtime::{StoreError, keys};

/// Answers a question that needs no driver.
#[must_use]
pub fn answer(shared: &Shared, request: &Request) -> Response {
    let result = match request {
        Request::Blocks { from, count, bytes } => blocks(shared, *from, usize::from(*count), *bytes),
        Request::BlockByHash { hash, offset, bytes } => block(shared, hash, *offset, *bytes),
        Request::LightBlock { height } => {
            light(shared, height.unwrap_or_else(|| shared.view().header.height))
                .map(|l| l.map(|l| Response::LightBlock(Box::new(l))))
        }
        Request::EpochProof { epoch } => epoch_proof(shared, *epoch),
        Request::Proof { keys, known } => {
            let view = shared.view();
            hash_at(shared, *known)
                .and_then(|known| proof(shared, &view, keys.iter().map(|key| &**key), known))
                .map(|p| p.map(|p| Response::Proof(Box::new(p))))
        }
        Request::Account(address) => account(shared, address),
        Request::TxStatus(id) => tx_status(shared, id),
        Request::Status
        | Request::Heard
        | Request::Reached
        | Request::Certificates { .. }
        | Request::SubmitTx(_) => {
            return Response::error(ErrorCode::Unsupported, "answered elsewhere");
        }
    };
    match result {
        Ok(Some(response)) => response,
        Ok(None) => Response::error(ErrorCode::NotFound, ""),
        Err(StoreError::Pruned { horizon }) => {
            Response::error(ErrorCode::Pruned, &format!("history below height {horizon} was pruned"))
        }
        Err(_) => Response::error(ErrorCode::Internal, "storage failed"),
    }
}

/// Answers a question for a block that is not in the database yet.
#[must_use]
pub fn held(shared: &Shared, block: &VerifiedBlock, offset: u32, bytes: u32) -> Response {
    let key = (block.hash, false);
    shared.encoded.part(key, offset, bytes).unwrap_or_else(|| {
        let block = SyncBlock { block: block.block.clone(), certificate: None };
        shared.encoded.answer(key, block, offset, bytes)
    })
}

type Answered<T> = Result<Option<T>, StoreError>;

/// Consecutive blocks, as many as asked for and fit into so many bytes; a part of the first if it alone does not.
fn blocks(shared: &Shared, from: Height, count: usize, wanted: u32) -> Answered<Response> {
    let bytes_max = answer_bytes_max(wanted);
    let tip = shared.view().header.height;
    let (mut blocks, mut bytes, mut height) = (Vec::new(), 0usize, from);
    while blocks.len() < count.min(SYNC_BLOCKS_MAX) && height <= tip {
        let Some(block) = shared.store.block(BlockId::Height(height))? else { break };
        let certificate = shared.store.certificate(height)?;
        let block = SyncBlock { block, certificate };
        bytes = bytes.saturating_add(encode(&block).len());
        if bytes > bytes_max && !planted!("sync-bytes-ignored") {
            if blocks.is_empty() {
                return Ok(Some(block.answer(0, wanted)));
            }
            break;
        }
        blocks.push(block);
        height = height.next();
    }
    Ok(Some(Response::Blocks(BoundedVec::new(blocks).unwrap_or_default())))
}

fn block(shared: &Shared, hash: &Hash, offset: u32, bytes: u32) -> Answered<Response> {
    let key = (*hash, true);
    if let Some(part) = shared.encoded.part(key, offset, bytes) {
        return Ok(Some(part));
    }
    let Some(block) = shared.store.block(BlockId::Hash(*hash))? else {
        return Ok(Some(Response::Block(None)));
    };
    let certificate = shared.store.certificate(block.header.height)?;
    Ok(Some(shared.encoded.answer(key, SyncBlock { block, certificate }, offset, bytes)))
}

/// A finalized header with what proves it; genesis needs no proof and has none.
///
/// # Errors
/// [`StoreError`].
pub fn light(shared: &Shared, height: Height) -> Answered<LightBlock> {
    let Some(proven) = shared.store.proof(height)? else { return Ok(None) };
    let Some(certificate) = proven.certificate else { return Ok(None) };
    let mut headers = proven.path.into_iter();
    let Some(header) = headers.next() else { return Ok(None) };
    Ok(BoundedVec::new(headers.collect()).ok().map(|path| LightBlock { header, certificate, path }))
}

fn epoch_proof(shared: &Shared, epoch: Epoch) -> Answered<Response> {
    let schedule = Arc::clone(&shared.view().schedule);
    let terminal = schedule.params().terminal_height(epoch);
    let Some(header) = shared.store.header(BlockId::Height(terminal))? else { return Ok(None) };
    let Some(certificate) = shared.store.certificate(terminal)? else { return Ok(None) };
    let next_validators = schedule.validators(epoch.next()).clone();
    Ok(Some(Response::EpochProof(Box::new(EpochProof { header, certificate, next_validators }))))
}

/// Values of `keys` in the state of `view`, in their order, with their proofs.
fn proof<'a>(
    shared: &Shared,
    view: &View,
    keys: impl Iterator<Item = &'a [u8]>,
    known: Option<Hash>,
) -> Answered<ProofAnswer> {
    let Some(light) = light(shared, view.header.height)? else { return Ok(None) };
    let prove = |key: &[u8]| {
        let value = view.state.get(key).map(|value| BoundedBytes::new(value.to_vec())).transpose().ok()?;
        Some(ProvenValue { value, proof: view.state.prove(key) })
    };
    let values = keys.map(prove).collect::<Option<Vec<_>>>();
    let values = values.and_then(|values| BoundedVec::new(values).ok());
    Ok(values.map(|values| ProofAnswer { values, known, light }))
}

/// Hash of the block at `height`, where this node still has it.
fn hash_at(shared: &Shared, height: Height) -> Answered<Hash> {
    match shared.store.header(BlockId::Height(height)) {
        Ok(header) => Ok(header.map(|header| header.hash())),
        Err(StoreError::Pruned { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn account(shared: &Shared, address: &wattle_primitives::Address) -> Answered<Response> {
    let view = shared.view();
    let key = keys::account(address);
    let nonces = view.state.read(key).map_or_else(Vec::new, |record| record.lanes().collect());
    let Some(record) = proof(shared, &view, std::iter::once(&*key), None)? else { return Ok(None) };
    let (Ok(nonces), Ok(key)) = (BoundedVec::new(nonces), BoundedBytes::new(key.to_vec())) else {
        return Ok(None);
    };
    Ok(Some(Response::Account(Box::new(AccountAnswer { nonces, key, record }))))
}

fn tx_status(shared: &Shared, id: &Hash) -> Answered<Response> {
    let Some(at) = shared.store.tx(id)? else { return Ok(Some(Response::TxStatus(TxFate::Unknown))) };
    let Some(receipts) = shared.store.receipts(at.height)? else { return Ok(None) };
    let Some(receipt) = usize::try_from(at.index).ok().and_then(|i| receipts.txs.get(i)).cloned() else {
        return Ok(None);
    };
    // Leaf 0 holds the block's own events.
    let leaf = ListProof::build(&receipts.leaves(), at.index.saturating_add(1));
    let proof = match (leaf, light(shared, at.height)?) {
        (Some(leaf), Some(light)) => Some(Box::new(ReceiptProof { leaf, light })),
        _ => None,
    };
    let receipt = Box::new(receipt);
    Ok(Some(Response::TxStatus(TxFate::Finalized { height: at.height, index: at.index, receipt, proof })))
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
