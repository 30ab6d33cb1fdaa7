//! `tx_submit` and `tx_submitBatch`: the methods that wait for the node instead of asking it.

use crate::backend::Backend;
use serde_json::Value;
use wattle_primitives::Tx;
use wattle_rpc_types::limits::SUBMIT_BATCH_MAX;
use wattle_rpc_types::method::{Reply, reply};
use wattle_rpc_types::params::Params;
use wattle_rpc_types::tx::{Submitted, SubmittedBatch, SubmittedOne};
use wattle_rpc_types::{RpcError, RpcResult, Submission};

/// Runs `tx_submit`.
pub(crate) async fn one(backend: &dyn Backend, params: Params) -> Reply {
    let tx = params.all::<Submission>()?.decode()?;
    let answer = backend.tx_submit(vec![tx]).await.pop().unwrap_or_else(|| Err(no_answer()));
    reply(answer.map(|id| Submitted { id }))
}

/// Runs `tx_submitBatch`: what cannot be decoded has its own error and does not keep the others back.
pub(crate) async fn batch(backend: &dyn Backend, params: Params) -> Reply {
    let submissions: Vec<Value> = params.req("txs")?;
    if submissions.len() > SUBMIT_BATCH_MAX {
        return Err(RpcError::limit("batch size in transactions", SUBMIT_BATCH_MAX));
    }
    let decoded: Vec<RpcResult<Tx>> = submissions.into_iter().map(decode_submission).collect();
    let valid = decoded.iter().filter_map(|tx| tx.as_ref().ok().cloned()).collect();
    let mut answers = backend.tx_submit(valid).await.into_iter();
    let results = decoded
        .into_iter()
        .map(|tx| tx.and_then(|_| answers.next().unwrap_or_else(|| Err(no_answer()))))
        .map(SubmittedOne::from)
        .collect();
    reply(Ok(SubmittedBatch { results }))
}

fn decode_submission(value: Value) -> RpcResult<Tx> {
    let submission: Submission =
        serde_json::from_value(value).map_err(|error| RpcError::params(format!("txs: {error}")))?;
    submission.decode()
}

fn no_answer() -> RpcError {
    RpcError::internal("the node gave no answer for a transaction")
}
