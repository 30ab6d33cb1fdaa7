//! `chain_*`.

use super::{Method, opt, query, req};
use crate::params::{Count, Params};
use wattle_primitives::{BlockId, Epoch, Hash, Height};
use wattle_rpc_types::{EventPosition, RpcError, RpcResult};

pub(super) static METHODS: &[Method] = &[
    query!("chain_status", "Where the chain stands, as this node sees it.", [], |b, _| b.chain_status()),
    query!(
        "chain_getBlock",
        "A block by height or hash, with its proof of finality.",
        [opt::<Height>("height"), opt::<Hash>("hash")],
        |b, p| b.chain_block(block_id(&p)?)
    ),
    query!(
        "chain_getLightBlock",
        "A header with its proof of finality and its validators; the newest without a height.",
        [opt::<Height>("height")],
        |b, p| b.chain_light_block(p.find("height")?)
    ),
    query!(
        "chain_getValidators",
        "The validator set of an epoch; the current one without.",
        [opt::<Epoch>("epoch")],
        |b, p| b.chain_validators(p.find("epoch")?)
    ),
    query!("chain_getParams", "The protocol parameters in force.", [], |b, _| b.chain_params()),
    query!(
        "chain_getEventProof",
        "An event of a finalized block, with the proof that it happened.",
        [req::<Height>("height"), req::<u32>("index")],
        |b, p| b.chain_event_proof(event_position(&p)?)
    ),
];

fn block_id(params: &Params) -> RpcResult<BlockId> {
    match (params.find("height")?, params.find("hash")?) {
        (Some(height), None) => Ok(BlockId::Height(height)),
        (None, Some(hash)) => Ok(BlockId::Hash(hash)),
        _ => Err(RpcError::params("give either height or hash")),
    }
}

fn event_position(params: &Params) -> RpcResult<EventPosition> {
    Ok(EventPosition { height: params.get("height")?, index: params.get::<Count>("index")?.0 })
}
