//! A client of a node's JSON-RPC over HTTP.
//!
//! Thin: one method for each call that the program makes, with the interface's own types, a time limit on each
//! request and a cap on each answer. A node's refusal keeps its stable code, so that callers match on
//! [`ClientError::code`] and never on text.
//!
//! A client with patience repeats a question whose answer was lost, so that a report of many pages does not begin anew
//! with each outage. Only once an answer has come: until then nothing is lost, and the endpoint may be wrong.
//!
//! # Not here
//! Trust: what a node says is believed by the caller or not. Subscriptions.

mod socket;

pub use socket::Socket;

use crate::output::{note, to_json};
use jsonrpsee::core::client::{ClientT, Error as TransportError};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::http_client::{HttpClient, HttpClientBuilder};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wattle_primitives::{Address, AssetId, Auth, Hash, Tx, TxBody};
use wattle_rpc_types::{
    AccountReply, Anchored, AssetInfo, ChainStatus, LightBlock, Page, PrepareRequest, PreparedTx, ProofReply,
    Simulation, TxStatus,
};

/// Where a node listens unless told otherwise.
pub const ENDPOINT_DEFAULT: &str = "http://127.0.0.1:8645/rpc";
/// The socket in a node's directory that takes the operator's orders.
pub const ADMIN_SOCKET: &str = "admin.sock";
/// Longest a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer: a little above what a node sends.
const RESPONSE_BYTES_MAX: u32 = 10 * 1024 * 1024;
/// Most bytes of a request.
const REQUEST_BYTES_MAX: u32 = 1024 * 1024;
/// How long a lost answer is asked for again: within it a router restarts and a line is dialed anew, and whoever waits
/// still learns of a longer outage.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// Pause before a question is repeated; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest pause between two repetitions.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How the methods begin that may change something: whoever calls them decides whether they are repeated.
const SUBMITTING: &str = "tx_submit";
/// Fewest items to which a page is shortened that did not come in time: some 7 KB, a second of a line of 64 kbit/s.
const PAGE_ITEMS_MIN: u64 = 10;
/// Most items of a list that is read page after page.
const LIST_ITEMS_MAX: usize = 100_000;
/// Most characters of a node's message that are repeated to the user.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint is no URL that this client speaks.
    #[error("{endpoint:?} is no RPC endpoint: {detail}")]
    Endpoint {
        /// As given.
        endpoint: String,
        /// Its fault.
        detail: String,
    },
    /// The node was not reached, or went away. Whether the request had an effect is unknown.
    #[error("no answer from {endpoint}: {detail}")]
    Unreachable {
        /// Where the node should be.
        endpoint: String,
        /// The transport's reason.
        detail: String,
    },
    /// The node took too long. Whether the request had an effect is unknown.
    #[error("{endpoint} did not answer {method} in time")]
    Timeout {
        /// Where the node is.
        endpoint: String,
        /// The method called.
        method: String,
    },
    /// The node refused.
    #[error("{message}")]
    Refused {
        /// Stable code: `error.data.code`, or `rpc_<number>` from a server that gives none.
        code: String,
        /// The node's words.
        message: String,
        /// All of `error.data`.
        data: Value,
    },
    /// The answer is not what the interface promises.
    #[error("{endpoint} answered {method} with something else: {detail}")]
    Answer {
        /// Where the node is.
        endpoint: String,
        /// The method called.
        method: String,
        /// The decoder's reason.
        detail: String,
    },
    /// A list is longer than what is read at once.
    #[error("{method} has more than {LIST_ITEMS_MAX} items: ask for a shorter period, or page by page")]
    TooMany {
        /// The method called.
        method: String,
    },
}

impl ClientError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Endpoint { .. } => "rpc_endpoint",
            Self::Unreachable { .. } => "rpc_unreachable",
            Self::Timeout { .. } => "rpc_timeout",
            Self::Refused { code, .. } => code,
            Self::Answer { .. } => "rpc_answer",
            Self::TooMany { .. } => "too_many",
        }
    }

    /// Whether the same request may succeed later, and is worth sending again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Refused { code, .. } => matches!(code.as_str(), "busy" | "unavailable"),
            Self::Endpoint { .. } | Self::Answer { .. } | Self::TooMany { .. } => false,
        }
    }
}

/// Named parameters of a call: a JSON object.
struct Named<'a>(&'a Value);

impl ToRpcParams for Named<'_> {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        serde_json::value::to_raw_value(self.0).map(Some)
    }
}

/// A node's JSON-RPC endpoint.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: String,
    http: HttpClient,
    patience: Duration,
    /// Whether an answer has come.
    heard: Arc<AtomicBool>,
}

impl Client {
    /// A client of `endpoint` that repeats nothing. Nothing is sent before the first call.
    ///
    /// - `timeout`: longest that one request may take.
    ///
    /// # Errors
    /// [`ClientError::Endpoint`].
    pub fn new(endpoint: &str, timeout: Duration) -> Result<Self, ClientError> {
        let http = HttpClientBuilder::default()
            .request_timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .max_response_size(RESPONSE_BYTES_MAX)
            .max_request_size(REQUEST_BYTES_MAX)
            .build(endpoint)
            .map_err(|e| ClientError::Endpoint { endpoint: endpoint.into(), detail: e.to_string() })?;
        Ok(Self { endpoint: endpoint.into(), http, patience: Duration::ZERO, heard: Arc::default() })
    }

    /// The same, which repeats questions for so long when their answers are lost.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Where it sends to.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Any call, with named parameters (an object).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call<T: DeserializeOwned>(&self, method: &str, mut params: Value) -> Result<T, ClientError> {
        self.patiently(method, &mut params).await
    }

    /// An answer, asked for again while it is lost. A page that did not come in time is half as long from then on.
    async fn patiently<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &mut Value,
    ) -> Result<T, ClientError> {
        let mut repeated: Option<(Instant, Duration)> = None;
        loop {
            let error = match self.once(method, params).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if self.patience.is_zero() || method.starts_with(SUBMITTING) || !error.is_transient() {
                return Err(error);
            }
            let shorter = matches!(error, ClientError::Timeout { .. }) && halve(params);
            if !shorter && !self.heard.load(Ordering::Relaxed) {
                return Err(error);
            }
            let (deadline, pause) = repeated.get_or_insert_with(|| {
                note(&format!("{error}; trying again for up to {} s", self.patience.as_secs()));
                (Instant::now() + self.patience, PAUSE_MIN)
            });
            if Instant::now() + *pause >= *deadline {
                return Err(error);
            }
            sleep(*pause).await;
            *pause = (*pause * 2).min(PAUSE_MAX);
        }
    }

    async fn once<T: DeserializeOwned>(&self, method: &str, params: &Value) -> Result<T, ClientError> {
        let answer: Result<Value, _> = self.http.request(method, Named(params)).await;
        let value = answer.map_err(|e| self.failure(method, e))?;
        self.heard.store(true, Ordering::Relaxed);
        serde_json::from_value(value).map_err(|e| self.unexpected(method, e.to_string()))
    }

    /// Every item of a list, page after page.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::TooMany`] above [`LIST_ITEMS_MAX`]: part of a list is never taken for all of it.
    pub async fn list<T: DeserializeOwned>(
        &self,
        method: &str,
        mut params: Value,
    ) -> Result<Vec<T>, ClientError> {
        let mut items = Vec::new();
        loop {
            let page: Page<T> = self.patiently(method, &mut params).await?;
            items.extend(page.items);
            let Some(cursor) = go_on(items.len(), page.next_cursor, method)? else { return Ok(items) };
            params = with_cursor(params, Some(&cursor));
        }
    }

    /// `chain_status`.
    ///
    /// # Errors
    /// [`ClientError`]; so for all below.
    pub async fn chain_status(&self) -> Result<ChainStatus, ClientError> {
        self.call("chain_status", json!({})).await
    }

    /// `chain_getLightBlock` of the last finalized height.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn light_block(&self, height: wattle_primitives::Height) -> Result<LightBlock, ClientError> {
        self.call("chain_getLightBlock", json!({ "height": height })).await
    }

    /// `account_get`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn account(&self, address: &Address) -> Result<AccountReply, ClientError> {
        self.call("account_get", json!({ "address": address })).await
    }

    /// `account_getProof`, by the parameters of that method: `{address}` or `{key}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn proof(&self, target: Value) -> Result<ProofReply, ClientError> {
        self.call("account_getProof", target).await
    }

    /// `token_getAsset`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn asset(&self, id: AssetId) -> Result<AssetInfo, ClientError> {
        let reply: Anchored<AssetInfo> = self.call("token_getAsset", json!({ "asset": id })).await?;
        Ok(reply.value)
    }

    /// `tx_prepare`. What comes back must be compared with what was asked before it is signed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn prepare(&self, request: &PrepareRequest) -> Result<PreparedTx, ClientError> {
        self.call("tx_prepare", to_json(request)).await
    }

    /// `tx_simulate`, with the signatures so far.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn simulate(&self, body: &TxBody, auths: &[Auth]) -> Result<Simulation, ClientError> {
        let body = hex::encode(wattle_primitives::encode(body));
        self.call("tx_simulate", json!({ "bodyHex": body, "auths": auths })).await
    }

    /// `tx_submit`: idempotent, so it may be repeated when the answer was lost.
    ///
    /// # Errors
    /// [`ClientError`], also when the node names another id than the transaction has.
    pub async fn submit(&self, tx: &Tx) -> Result<Hash, ClientError> {
        #[derive(serde::Deserialize)]
        struct Submitted {
            id: Hash,
        }
        let params = json!({ "txHex": hex::encode(wattle_primitives::encode(tx)) });
        let Submitted { id } = self.call("tx_submit", params).await?;
        if id == tx.id() {
            Ok(id)
        } else {
            Err(self.unexpected("tx_submit", format!("id {id}, expected {}", tx.id())))
        }
    }

    /// `tx_status`, or `None` when this node has never seen the transaction.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn tx_status(&self, id: &Hash) -> Result<Option<TxStatus>, ClientError> {
        self.find("tx_status", json!({ "id": id })).await
    }

    /// The reply to a call, or `None` when there is no such thing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn find<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<Option<T>, ClientError> {
        match self.call(method, params).await {
            Ok(found) => Ok(Some(found)),
            Err(ClientError::Refused { code, .. }) if code == "not_found" => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn failure(&self, method: &str, error: TransportError) -> ClientError {
        let endpoint = self.endpoint.clone();
        match error {
            TransportError::Call(object) => refused(object.code(), object.message(), object.data()),
            TransportError::RequestTimeout => ClientError::Timeout { endpoint, method: method.into() },
            TransportError::ParseError(e) => self.unexpected(method, e.to_string()),
            TransportError::Transport(e) => ClientError::Unreachable { endpoint, detail: chain(e.as_ref()) },
            other => ClientError::Unreachable { endpoint, detail: other.to_string() },
        }
    }

    fn unexpected(&self, method: &str, detail: String) -> ClientError {
        ClientError::Answer { endpoint: self.endpoint.clone(), method: method.into(), detail }
    }
}

/// Where to go on after `have` items of a list.
fn go_on(have: usize, next: Option<String>, method: &str) -> Result<Option<String>, ClientError> {
    match next {
        Some(_) if have >= LIST_ITEMS_MAX => Err(ClientError::TooMany { method: method.into() }),
        next => Ok(next),
    }
}

/// Halves the page that is asked for, and says whether it was longer than the shortest.
fn halve(params: &mut Value) -> bool {
    let limit = params.get("limit").and_then(Value::as_u64).filter(|limit| *limit > PAGE_ITEMS_MIN);
    let Some(limit) = limit else { return false };
    params["limit"] = (limit / 2).max(PAGE_ITEMS_MIN).into();
    true
}

/// Adds `cursor` to the parameters of a list, if there is one.
#[must_use]
pub fn with_cursor(mut params: Value, cursor: Option<&str>) -> Value {
    if let (Some(map), Some(cursor)) = (params.as_object_mut(), cursor) {
        map.insert("cursor".into(), cursor.into());
    }
    params
}

fn refused(number: i32, message: &str, data: Option<&RawValue>) -> ClientError {
    let data: Value = data.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let code = data.get("code").and_then(Value::as_str).map_or_else(|| format!("rpc_{number}"), String::from);
    ClientError::Refused { code, message: message.chars().take(MESSAGE_CHARS_MAX).collect(), data }
}

/// The error and its causes in one line: the transport's own text leaves out why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
