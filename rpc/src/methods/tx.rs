//! `tx_*`.

use super::{Method, Reply, Run, opt, query, reply, req};
use crate::backend::Backend;
use crate::params::Params;
use serde_json::Value;
use wattle_primitives::{Address, Amount, Auth, Call, Hash, Lane, Nonce, TimeMs, Tx, TxBody};
use wattle_rpc_types::limits::SUBMIT_BATCH_MAX;
use wattle_rpc_types::tx::{Submitted, SubmittedBatch, SubmittedOne, decode_body, decode_tx};
use wattle_rpc_types::{Hex, PrepareRequest, RpcError, RpcResult, Submission};

pub(super) static METHODS: &[Method] = &[
    query!(
        "tx_prepare",
        "Builds a transaction that only lacks signatures.",
        [
            req::<Vec<Call>>("calls"),
            req::<Address>("sender"),
            opt::<Lane>("lane"),
            opt::<Nonce>("nonce"),
            opt::<TimeMs>("expiresMs"),
            opt::<Address>("feePayer"),
            opt::<Amount>("maxFee"),
            opt::<Amount>("tip")
        ],
        |b, p| b.tx_prepare(p.all()?)
    ),
    Method {
        name: "tx_submit",
        summary: "Offers a signed transaction; answers its id at once. Sending it again is no error.",
        params: &[opt::<Hex>("txHex"), opt::<Hex>("bodyHex"), opt::<Vec<Auth>>("auths")],
        run: Run::Submit,
    },
    Method {
        name: "tx_submitBatch",
        summary: "Offers several signed transactions; each has its own result.",
        params: &[req::<Vec<Submission>>("txs")],
        run: Run::SubmitBatch,
    },
    query!("tx_status", "Where a transaction stands, and its receipt.", [req::<Hash>("id")], |b, p| {
        b.tx_status(p.get("id")?)
    }),
    query!("tx_get", "A transaction, where it stands, and its receipt.", [req::<Hash>("id")], |b, p| {
        b.tx_get(p.get("id")?)
    }),
    query!(
        "tx_simulate",
        "What a transaction would do on the last finalized state, signed or not.",
        [
            opt::<Hex>("txHex"),
            opt::<Hex>("bodyHex"),
            opt::<Vec<Call>>("calls"),
            opt::<Address>("sender"),
            opt::<Lane>("lane"),
            opt::<Nonce>("nonce"),
            opt::<TimeMs>("expiresMs"),
            opt::<Address>("feePayer"),
            opt::<Amount>("maxFee"),
            opt::<Amount>("tip")
        ],
        |b, p| simulated_body(b, p).and_then(|body| b.tx_simulate(body))
    ),
];

/// Runs `tx_submit`.
pub(crate) async fn submit(backend: &dyn Backend, params: Params) -> Reply {
    let tx = params.all::<Submission>()?.decode()?;
    let answer = backend.tx_submit(vec![tx]).await.pop().unwrap_or_else(|| Err(no_answer()));
    reply(answer.map(|id| Submitted { id }))
}

/// Runs `tx_submitBatch`: what cannot be decoded has its own error and does not keep the others back.
pub(crate) async fn submit_batch(backend: &dyn Backend, params: Params) -> Reply {
    let submissions: Vec<Value> = params.get("txs")?;
    if submissions.len() > SUBMIT_BATCH_MAX {
        let max = SUBMIT_BATCH_MAX as u64;
        return Err(RpcError::LimitExceeded { what: "batch size in transactions", max });
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

/// The body to simulate: given as transaction, as body, or by the parameters of `tx_prepare`.
fn simulated_body(backend: &dyn Backend, params: Params) -> RpcResult<TxBody> {
    if let Some(Hex(bytes)) = params.find("txHex")? {
        return decode_tx(&bytes).map(|tx| tx.body().clone());
    }
    if let Some(Hex(bytes)) = params.find("bodyHex")? {
        return decode_body(&bytes);
    }
    backend.tx_prepare(params.all::<PrepareRequest>()?).map(|prepared| prepared.body)
}
