//! `tx_*`: transactions prepared, tried, offered, and followed to their end.

use crate::{At, Hex, RpcError, RpcResult, hex_bytes, hex_bytes_opt};
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use wattle_primitives::tx::{AUTHS_MAX, CALLS_MAX};
use wattle_primitives::{
    Address, Amount, Auth, BoundedVec, Call, Event, Hash, Height, Lane, Nonce, Outcome, Receipt, TimeMs, Tx,
    TxBody, Weight,
};

/// The answer to each transaction that was offered, in the order given, once all are admitted or refused.
pub type Answers<'a> = Pin<Box<dyn Future<Output = Vec<RpcResult<Hash>>> + Send + 'a>>;

/// Queries about transactions, and the way to offer them.
pub trait TxQueries {
    /// Fills in nonce, expiry and fee.
    fn tx_prepare(&self, request: PrepareRequest) -> RpcResult<PreparedTx>;

    /// Offers transactions to the mempool; not on a blocking thread.
    ///
    /// Idempotent: one that is pending, included or finalized already is `Ok` with its id. A refusal is
    /// [`RpcError::Rejected`] with the runtime's code, or [`RpcError::Busy`] when there is no room.
    fn tx_submit(&self, txs: Vec<Tx>) -> Answers<'_>;

    /// Where a transaction stands; `NotFound` when this node has never seen it.
    fn tx_status(&self, id: Hash) -> RpcResult<TxStatus>;

    /// As [`TxQueries::tx_status`], with the transaction.
    fn tx_get(&self, id: Hash) -> RpcResult<TxReply>;

    /// Executes on top of the last finalized block, without effect. `auths` are the signatures so far: they are not
    /// verified, only whose they are counts. Those of the sender that it lacks are taken for granted; those of another
    /// who pays the fee as well, if one of them is there, or if it does not sponsor the sender.
    ///
    /// A transaction that would make a block invalid (nonce, expiry, fee) is [`RpcError::Rejected`].
    fn tx_simulate(&self, body: TxBody, auths: &[Auth]) -> RpcResult<Simulation>;
}

/// A query about a body: with its own parameters, and those from which a body is made, the first two as `$need` says.
#[cfg(feature = "schema")]
macro_rules! query_of_body {
    ($name:literal, $summary:literal, [$($own:tt)*], $need:ident, $run:expr) => {
        query!(
            $name,
            $summary,
            [
                $($own)*
                $need::<Vec<Call>>("calls"),
                $need::<Address>("sender"),
                opt::<Lane>("lane"),
                opt::<Nonce>("nonce"),
                opt::<TimeMs>("expiresMs"),
                opt::<Address>("feePayer"),
                opt::<Amount>("maxFee"),
                opt::<Amount>("tip"),
                opt::<Hash>("grant")
            ],
            $run
        )
    };
}

methods![
    query_of_body!(
        "tx_prepare",
        "Builds a transaction that only lacks signatures.",
        [],
        req,
        |node, params| node.tx_prepare(params.all()?)
    ),
    method!(
        "tx_submit",
        "Offers a signed transaction; answers its id at once. Sending it again is no error.",
        [opt::<Hex>("txHex"), opt::<Hex>("bodyHex"), opt::<Vec<Auth>>("auths")],
        Submit
    ),
    method!(
        "tx_submitBatch",
        "Offers several signed transactions; each has its own result.",
        [req::<Vec<Submission>>("txs")],
        SubmitBatch
    ),
    query!("tx_status", "Where a transaction stands, and its receipt.", tx_status(req::<Hash>("id"))),
    query!("tx_get", "A transaction, where it stands, and its receipt.", tx_get(req::<Hash>("id"))),
    query_of_body!(
        "tx_simulate",
        "What a transaction would do on the last finalized state, signed or not.",
        [opt::<Hex>("txHex"), opt::<Hex>("bodyHex"), opt::<Vec<Auth>>("auths"),],
        opt,
        |node, params| {
            let (tx, body, auths) = (params.opt("txHex")?, params.opt("bodyHex")?, params.opt("auths")?);
            let calls = params.opt::<serde_json::Value>("calls")?.is_some();
            let (body, auths) = match (tx, body, auths, calls) {
                (Some(Hex(tx)), None, None, false) => {
                    let tx = decode_tx(&tx)?;
                    (tx.body().clone(), tx.auths().clone())
                }
                (None, Some(Hex(body)), auths, false) => (decode_body(&body)?, auths.unwrap_or_default()),
                (None, None, None, _) => (node.tx_prepare(params.all()?)?.body, BoundedVec::default()),
                _ => {
                    return Err(RpcError::params(
                        "give one of txHex, bodyHex with auths, or calls and sender",
                    ));
                }
            };
            node.tx_simulate(body, &auths)
        }
    ),
];

/// `tx_prepare`: the calls of a transaction to be. Everything but calls and sender is filled in by the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrepareRequest {
    /// The calls, carried out in order, all or none.
    pub calls: BoundedVec<Call, CALLS_MAX>,
    /// Account that acts.
    pub sender: Address,
    /// Nonce sequence; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Nonce; when absent the next one, counting what waits in the mempool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
    /// When it becomes void, ms UTC; when absent a while from now, chosen by the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<TimeMs>,
    /// Who pays; the sender when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_payer: Option<Address>,
    /// Most it may cost; the fee at today's price when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fee: Option<Amount>,
    /// Extra for the proposer; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Amount>,
    /// The grant by which it acts on another's behalf; on its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Hash>,
}

/// Answer of `tx_prepare`: a transaction that only lacks signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PreparedTx {
    /// State that nonce and fee were read from.
    #[serde(flatten)]
    pub at: At,
    /// The transaction's id: keep it before sending, its fate can be asked for by it.
    pub id: Hash,
    /// Encoded body; goes back to `tx_submit` as it is.
    #[serde(with = "hex_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Hex"))]
    pub body_hex: Vec<u8>,
    /// The exact bytes that every key signs.
    #[serde(with = "hex_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Hex"))]
    pub signing_hex: Vec<u8>,
    /// Fee at today's price with one signature for each needed key, native base units.
    pub fee: Amount,
    /// Weight, with the signatures that `fee` assumes.
    pub weight: Weight,
    /// The body in JSON, to be looked at before it is signed.
    pub body: TxBody,
}

/// A signed transaction: its encoding, or an encoded body and its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Submission {
    /// The encoded transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_hex: Option<Hex>,
    /// The encoded body; goes with `auths`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_hex: Option<Hex>,
    /// Its signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auths: Option<BoundedVec<Auth, AUTHS_MAX>>,
}

impl Submission {
    /// The transaction. Its signatures are not checked here.
    ///
    /// # Errors
    /// [`RpcError::InvalidParams`] when it is given twice or not at all, or does not decode.
    pub fn decode(self) -> RpcResult<Tx> {
        match (self.tx_hex, self.body_hex, self.auths) {
            (Some(tx), None, None) => decode_tx(&tx.0),
            (None, Some(body), Some(auths)) => {
                let body = decode_body(&body.0)?;
                Tx::new(body, auths.into_inner()).map_err(|e| RpcError::params(format!("auths: {e}")))
            }
            _ => Err(RpcError::params("give either txHex, or bodyHex and auths")),
        }
    }
}

/// `tx_submit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Submitted {
    /// The transaction's id.
    pub id: Hash,
}

/// `tx_submitBatch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubmittedBatch {
    /// One for each transaction, in order.
    pub results: Vec<SubmittedOne>,
}

/// The fate of one transaction of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubmittedOne {
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::error::ErrorObject>"))]
    pub error: Option<serde_json::Value>,
    /// The transaction's id, where it was decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Hash>,
}

impl From<RpcResult<Hash>> for SubmittedOne {
    fn from(result: RpcResult<Hash>) -> Self {
        let id = match &result {
            Ok(id) | Err(RpcError::Rejected { id, .. }) => Some(*id),
            Err(_) => None,
        };
        let error = result.err().map(|error| serde_json::to_value(error.to_object()).unwrap_or_default());
        Self { error, id }
    }
}

/// A transaction from its encoding.
///
/// # Errors
/// [`RpcError::InvalidParams`].
pub fn decode_tx(bytes: &[u8]) -> RpcResult<Tx> {
    wattle_primitives::decode(bytes).map_err(|e| RpcError::params(format!("txHex: {e}")))
}

/// A transaction's body from its encoding.
///
/// # Errors
/// [`RpcError::InvalidParams`].
pub fn decode_body(bytes: &[u8]) -> RpcResult<TxBody> {
    wattle_primitives::decode(bytes).map_err(|e| RpcError::params(format!("bodyHex: {e}")))
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TxState {
    /// Waits in this node's mempool.
    Pending,
    /// Stands in a block that is certified but not final.
    Included,
    /// Stands in a final block: this cannot change any more.
    Finalized,
    /// Was not included before its time ran out, and never will be.
    Expired,
    /// Will never be included: another transaction with its nonce is final.
    Superseded,
    /// Waits at this node no more, for the `reason` told. Others may include it until it expires.
    Dropped,
}

/// The outcome of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReceiptReply {
    /// `success`, or the stable code of the reason it failed.
    pub code: String,
    /// Position of the call that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_call: Option<u8>,
    /// Weight charged.
    pub weight: Weight,
    /// Fee taken, tip included, native base units.
    pub fee: Amount,
    /// Its events, in order.
    pub events: Vec<Event>,
}

/// `tx_status`. A transaction that this node has never seen is the error `not_found`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TxStatus {
    /// The transaction.
    pub id: Hash,
    /// Where it stands.
    pub state: TxState,
    /// Whether `state` is `finalized`.
    pub finalized: bool,
    /// Height of its block, when it stands in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
    /// Its position in that block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Last finalized height of this node.
    pub head: Height,
    /// When it becomes void, ms UTC, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<TimeMs>,
    /// Why it was rejected: a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its outcome, when it stands in a block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptReply>,
}

/// `tx_get`: as [`TxStatus`], with the transaction itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TxReply {
    /// Where it stands.
    #[serde(flatten)]
    pub status: TxStatus,
    /// The transaction; absent when this node kept only its fate (expired, rejected).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx: Option<Tx>,
    /// Its encoding; absent likewise.
    #[serde(with = "hex_bytes_opt", default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<wattle_primitives::schema::Hex>"))]
    pub tx_hex: Option<Vec<u8>>,
}

/// `tx_simulate`: the outcome on top of the last finalized block. Signatures are not verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// State it ran on.
    #[serde(flatten)]
    pub at: At,
    /// The transaction's id.
    pub id: Hash,
    /// The outcome it would have.
    pub receipt: ReceiptReply,
    /// Weight it would be charged.
    pub weight: Weight,
    /// Fee it would pay, native base units.
    pub fee: Amount,
}

impl From<Receipt> for ReceiptReply {
    fn from(receipt: Receipt) -> Self {
        let (code, failed_call) = match receipt.outcome {
            Outcome::Success => ("success", None),
            Outcome::Failed { call, reason } => (reason.code(), Some(call)),
        };
        Self {
            code: code.to_owned(),
            failed_call,
            weight: receipt.weight,
            fee: receipt.fee,
            events: receipt.events,
        }
    }
}

/// Names what a call does, for lists: `token.transfer`.
#[must_use]
pub fn call_name(call: &Call) -> String {
    let (module, name) = call.name();
    format!("{module}.{name}")
}
