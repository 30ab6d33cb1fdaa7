//! Every method: its name, parameters, result and what it runs. Served, described and documented from this one table.

use crate::admin::ADMIN_METHODS;
use crate::backend::Backend;
use crate::events;
use crate::params::{Count, Params};
use crate::schema::{Field, Ty, opt, req};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use wattle_primitives::{BlockId, TimeMs, Tx, TxBody};
use wattle_rpc_types::limits::{SEARCH_BYTES_MAX, STATE_KEY_BYTES_MAX, SUBMIT_BATCH_MAX};
use wattle_rpc_types::tx::{decode_body, decode_tx};
use wattle_rpc_types::{
    Admin, BillRequest, DisputesRequest, EventPosition, Hex, PrepareRequest, ProofTarget, ReadingsRequest,
    RpcError, RpcResult, Submission,
};

/// A reply, serialized once.
pub(crate) type Reply = RpcResult<Box<RawValue>>;

/// How a method runs.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// A query, on a blocking thread.
    Query(fn(&dyn Backend, Params) -> Reply),
    /// An order of the operator, on a blocking thread; on the admin socket only.
    Admin(fn(&dyn Admin, Params) -> Reply),
    /// Offers one transaction.
    Submit,
    /// Offers several.
    SubmitBatch,
    /// Opens an event stream; WebSocket only.
    Subscribe,
    /// Ends one.
    Unsubscribe,
    /// Describes the interface.
    Discover,
}

/// One method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    /// In the order in which positional parameters are taken.
    pub(crate) params: &'static [Field],
    pub(crate) result: Ty,
    pub(crate) run: Run,
}

const PREPARE: &[Field] = &[
    req("calls", Ty::List(&Ty::Ref("Call"))),
    req("sender", Ty::Address),
    opt("lane", Ty::Decimal),
    opt("nonce", Ty::Decimal),
    opt("expiresMs", Ty::Decimal),
    opt("feePayer", Ty::Address),
    opt("maxFee", Ty::Decimal),
    opt("tip", Ty::Decimal),
];
const SIMULATE: &[Field] = &[
    opt("txHex", Ty::Hex),
    opt("bodyHex", Ty::Hex),
    opt("calls", Ty::List(&Ty::Ref("Call"))),
    opt("sender", Ty::Address),
    opt("lane", Ty::Decimal),
    opt("nonce", Ty::Decimal),
    opt("expiresMs", Ty::Decimal),
    opt("feePayer", Ty::Address),
    opt("maxFee", Ty::Decimal),
    opt("tip", Ty::Decimal),
];
const SUBMISSION: &[Field] =
    &[opt("txHex", Ty::Hex), opt("bodyHex", Ty::Hex), opt("auths", Ty::List(&Ty::Ref("Auth")))];
const PAGE: &[Field] = &[opt("cursor", Ty::Str), opt("limit", Ty::Int)];

/// A result as JSON.
pub(crate) fn reply<T: Serialize>(value: RpcResult<T>) -> Reply {
    to_raw_value(&value?).map_err(RpcError::internal)
}

macro_rules! query {
    ($name:literal, $summary:literal, $params:expr, $result:literal, $run:expr) => {
        Method {
            name: $name,
            summary: $summary,
            params: $params,
            result: Ty::Ref($result),
            run: Run::Query($run),
        }
    };
}

/// Every method that is served.
pub(crate) static METHODS: &[Method] = &[
    query!("chain_status", "Where the chain stands, as this node sees it.", &[], "ChainStatus", |b, _| {
        reply(b.chain_status())
    }),
    query!(
        "chain_getBlock",
        "A block by height or hash, with its proof of finality.",
        &[opt("height", Ty::Decimal), opt("hash", Ty::Hash)],
        "Block",
        |b, p| reply(b.chain_block(block_id(&p)?))
    ),
    query!(
        "chain_getLightBlock",
        "A header with its proof of finality and its validators; the newest without a height.",
        &[opt("height", Ty::Decimal)],
        "LightBlock",
        |b, p| reply(b.chain_light_block(p.find("height")?))
    ),
    query!(
        "chain_getValidators",
        "The validator set of an epoch; the current one without.",
        &[opt("epoch", Ty::Decimal)],
        "Validators",
        |b, p| reply(b.chain_validators(p.find("epoch")?))
    ),
    query!("chain_getParams", "The protocol parameters in force.", &[], "ParamsReply", |b, _| {
        reply(b.chain_params())
    }),
    query!(
        "chain_getEventProof",
        "An event of a finalized block, with the proof that it happened.",
        &[req("height", Ty::Decimal), req("index", Ty::Int)],
        "EventProof",
        |b, p| reply(b.chain_event_proof(event_position(&p)?))
    ),
    query!(
        "account_get",
        "Nonces, balances and keys of an account.",
        &[req("address", Ty::Address)],
        "Account",
        |b, p| reply(b.account(p.get("address")?))
    ),
    query!(
        "account_getProof",
        "A state value, or its absence, with its proof; by account address or state key.",
        &[opt("address", Ty::Address), opt("key", Ty::Hex)],
        "Proof",
        |b, p| reply(b.account_proof(proof_target(&p)?))
    ),
    query!(
        "account_history",
        "Finalized transactions that touched an account, newest first.",
        &[req("address", Ty::Address), PAGE[0], PAGE[1]],
        "History",
        |b, p| reply(b.account_history(p.get("address")?, p.page()?))
    ),
    query!(
        "tx_prepare",
        "Builds a transaction that only lacks signatures.",
        PREPARE,
        "PreparedTx",
        |b, p| reply(b.tx_prepare(p.all()?))
    ),
    Method {
        name: "tx_submit",
        summary: "Offers a signed transaction; answers its id at once. Sending it again is no error.",
        params: SUBMISSION,
        result: Ty::Ref("Submitted"),
        run: Run::Submit,
    },
    Method {
        name: "tx_submitBatch",
        summary: "Offers several signed transactions; each has its own result.",
        params: &[req("txs", Ty::List(&Ty::Ref("Submission")))],
        result: Ty::Ref("SubmittedBatch"),
        run: Run::SubmitBatch,
    },
    query!(
        "tx_status",
        "Where a transaction stands, and its receipt.",
        &[req("id", Ty::Hash)],
        "TxStatus",
        |b, p| { reply(b.tx_status(p.get("id")?)) }
    ),
    query!(
        "tx_get",
        "A transaction, where it stands, and its receipt.",
        &[req("id", Ty::Hash)],
        "TxReply",
        |b, p| { reply(b.tx_get(p.get("id")?)) }
    ),
    query!(
        "tx_simulate",
        "What a transaction would do on the last finalized state, signed or not.",
        SIMULATE,
        "Simulation",
        |b, p| reply(simulated_body(b, p).and_then(|body| b.tx_simulate(body)))
    ),
    Method {
        name: "event_subscribe",
        summary: "Streams every event from a height on; WebSocket only.",
        params: &[opt("fromHeight", Ty::Decimal), opt("filter", Ty::Ref("EventFilter"))],
        result: Ty::Str,
        run: Run::Subscribe,
    },
    Method {
        name: "event_unsubscribe",
        summary: "Ends a stream; whether there was one.",
        params: &[req("subscription", Ty::Str)],
        result: Ty::Bool,
        run: Run::Unsubscribe,
    },
    query!(
        "event_list",
        "Events of finalized blocks, oldest first.",
        &[opt("fromHeight", Ty::Decimal), opt("filter", Ty::Ref("EventFilter")), PAGE[0], PAGE[1]],
        "EventList",
        |b, p| reply(events::list(b, &p))
    ),
    query!(
        "search_query",
        "What a text may mean: height, hash, address, key, symbol.",
        &[req("text", Ty::Str)],
        "Search",
        |b, p| reply(b.search(search_text(&p.get::<String>("text")?)?))
    ),
    query!("energy_listMicrogrids", "Registered microgrids.", PAGE, "Microgrids", |b, p| {
        reply(b.energy_microgrids(p.page()?))
    }),
    query!("energy_getMicrogrid", "One microgrid.", &[req("id", Ty::Hash)], "Microgrid", |b, p| {
        reply(b.energy_microgrid(p.get("id")?))
    }),
    query!(
        "energy_listMeters",
        "Registered meters, of one microgrid or of all.",
        &[opt("microgrid", Ty::Hash), PAGE[0], PAGE[1]],
        "Meters",
        |b, p| reply(b.energy_meters(p.find("microgrid")?, p.page()?))
    ),
    query!(
        "energy_getMeter",
        "One meter and its last reading.",
        &[req("address", Ty::Address)],
        "Meter",
        |b, p| { reply(b.energy_meter(p.get("address")?)) }
    ),
    query!(
        "energy_listReadings",
        "A meter's accepted readings, newest first.",
        &[req("meter", Ty::Address), opt("fromMs", Ty::Decimal), opt("toMs", Ty::Decimal), PAGE[0], PAGE[1]],
        "Readings",
        |b, p| reply(b.energy_readings(readings_request(&p)?, p.page()?))
    ),
    query!(
        "energy_getTerms",
        "A microgrid's terms for an interval; the current one without.",
        &[req("microgrid", Ty::Hash), opt("interval", Ty::Decimal)],
        "Terms",
        |b, p| reply(b.energy_terms(p.get("microgrid")?, p.find("interval")?))
    ),
    query!(
        "energy_listMembers",
        "A microgrid's members and what their tabs show.",
        &[req("microgrid", Ty::Hash), opt("account", Ty::Address), PAGE[0], PAGE[1]],
        "Members",
        |b, p| reply(b.energy_members(p.get("microgrid")?, p.find("account")?, p.page()?))
    ),
    query!(
        "energy_getInterval",
        "Where an interval stands, and what became of it.",
        &[req("microgrid", Ty::Hash), req("interval", Ty::Decimal)],
        "Interval",
        |b, p| reply(b.energy_interval(p.get("microgrid")?, p.get("interval")?))
    ),
    query!(
        "energy_listIntervals",
        "What became of a microgrid's intervals, newest first: clearings, settlements, ends.",
        &[req("microgrid", Ty::Hash), PAGE[0], PAGE[1]],
        "Statement",
        |b, p| reply(b.energy_intervals(p.get("microgrid")?, p.page()?))
    ),
    query!(
        "energy_listTrades",
        "The trades of an interval, in the order in which they were matched.",
        &[req("microgrid", Ty::Hash), req("interval", Ty::Decimal), PAGE[0], PAGE[1]],
        "Statement",
        |b, p| reply(b.energy_trades(p.get("microgrid")?, p.get("interval")?, p.page()?))
    ),
    query!(
        "energy_orderBook",
        "The orders that stand for an interval, by price.",
        &[req("microgrid", Ty::Hash), req("interval", Ty::Decimal)],
        "OrderBook",
        |b, p| reply(b.energy_order_book(p.get("microgrid")?, p.get("interval")?))
    ),
    query!(
        "energy_listOrders",
        "The orders that stand for an interval, in the order in which they were placed.",
        &[req("microgrid", Ty::Hash), req("interval", Ty::Decimal), PAGE[0], PAGE[1]],
        "Orders",
        |b, p| reply(b.energy_orders(p.get("microgrid")?, p.get("interval")?, p.page()?))
    ),
    query!("energy_getOrder", "An order that stands.", &[req("order", Ty::Hash)], "Order", |b, p| reply(
        b.energy_order(p.get("order")?)
    )),
    query!(
        "energy_getDeal",
        "A request for a deal, or the deal: what is authorised, used and left.",
        &[req("deal", Ty::Hash)],
        "Deal",
        |b, p| reply(b.energy_deal(p.get("deal")?))
    ),
    query!(
        "energy_listDeals",
        "A microgrid's open requests and deals.",
        &[req("microgrid", Ty::Hash), PAGE[0], PAGE[1]],
        "Deals",
        |b, p| reply(b.energy_deals(p.get("microgrid")?, p.page()?))
    ),
    query!(
        "energy_listDisputes",
        "Disputes that are not decided, of a microgrid, of an account, or all.",
        &[opt("microgrid", Ty::Hash), opt("account", Ty::Address), PAGE[0], PAGE[1]],
        "Disputes",
        |b, p| reply(b.energy_disputes(disputes_request(&p)?, p.page()?))
    ),
    query!(
        "energy_getDispute",
        "A dispute that is not decided.",
        &[req("dispute", Ty::Hash)],
        "Dispute",
        |b, p| reply(b.energy_dispute(p.get("dispute")?))
    ),
    query!(
        "energy_bill",
        "An account's bill: every line of a period, oldest first. Each line's proof: chain_getEventProof.",
        &[
            req("account", Ty::Address),
            opt("microgrid", Ty::Hash),
            opt("fromMs", Ty::Decimal),
            opt("toMs", Ty::Decimal),
            PAGE[0],
            PAGE[1],
        ],
        "Statement",
        |b, p| reply(b.energy_bill(bill_request(&p)?, p.page()?))
    ),
    query!("ledger_getHold", "An open hold.", &[req("id", Ty::Hash)], "Hold", |b, p| reply(
        b.ledger_hold(p.get("id")?)
    )),
    query!(
        "ledger_getAccount",
        "The four counters of an account in one asset.",
        &[req("account", Ty::Ref("AccountId")), opt("asset", Ty::Decimal)],
        "LedgerAccount",
        |b, p| reply(b.ledger_account(p.get("account")?, p.find("asset")?.unwrap_or_default()))
    ),
    query!("token_getAsset", "One asset.", &[req("asset", Ty::Decimal)], "Asset", |b, p| {
        reply(b.token_asset(p.get("asset")?))
    }),
    query!("token_listAssets", "All assets.", PAGE, "Assets", |b, p| reply(b.token_assets(p.page()?))),
    query!(
        "node_peers",
        "Peers that are connected or banned, with their score.",
        &[],
        "Peers",
        |b, _| reply(b.node_peers())
    ),
    query!("node_consensus", "What consensus is doing on this node.", &[], "Consensus", |b, _| {
        reply(b.node_consensus())
    }),
    query!("evidence_list", "Evidence of misbehaviour, newest first.", PAGE, "Evidence", |b, p| {
        reply(b.evidence(p.page()?))
    }),
    Method {
        name: "rpc.discover",
        summary: "This description, as OpenRPC.",
        params: &[],
        result: Ty::Object,
        run: Run::Discover,
    },
];

/// The method with this name, for everybody or for the operator.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().chain(ADMIN_METHODS).find(|method| method.name == name)
}

/// The names of all methods for everybody, for documentation and tools.
pub fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.name)
}

/// Runs `tx_submit`.
pub(crate) async fn submit(backend: &dyn Backend, params: Params) -> Reply {
    let tx = params.all::<Submission>()?.decode()?;
    let id = backend.tx_submit(vec![tx]).await.pop().unwrap_or_else(|| Err(no_answer()))?;
    reply(Ok(json!({ "id": id })))
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
    let results: Vec<Value> = decoded
        .into_iter()
        .map(|tx| match tx.and_then(|_| answers.next().unwrap_or_else(|| Err(no_answer()))) {
            Ok(id) => json!({ "id": id }),
            Err(error @ RpcError::Rejected { id, .. }) => json!({ "id": id, "error": error.to_object() }),
            Err(error) => json!({ "error": error.to_object() }),
        })
        .collect();
    reply(Ok(json!({ "results": results })))
}

fn decode_submission(value: Value) -> RpcResult<Tx> {
    let submission: Submission =
        serde_json::from_value(value).map_err(|error| RpcError::params(format!("txs: {error}")))?;
    submission.decode()
}

fn no_answer() -> RpcError {
    RpcError::internal("the node gave no answer for a transaction")
}

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

fn readings_request(params: &Params) -> RpcResult<ReadingsRequest> {
    Ok(ReadingsRequest {
        meter: params.get("meter")?,
        from_ms: params.find("fromMs")?.unwrap_or(TimeMs::ZERO),
        to_ms: params.find("toMs")?.unwrap_or(TimeMs::MAX),
    })
}

fn disputes_request(params: &Params) -> RpcResult<DisputesRequest> {
    Ok(DisputesRequest { microgrid: params.find("microgrid")?, account: params.find("account")? })
}

fn bill_request(params: &Params) -> RpcResult<BillRequest> {
    Ok(BillRequest {
        account: params.get("account")?,
        microgrid: params.find("microgrid")?,
        from_ms: params.find("fromMs")?.unwrap_or(TimeMs::ZERO),
        to_ms: params.find("toMs")?.unwrap_or(TimeMs::MAX),
    })
}

fn proof_target(params: &Params) -> RpcResult<ProofTarget> {
    match (params.find("address")?, params.find::<Hex>("key")?) {
        (Some(address), None) => Ok(ProofTarget::Address(address)),
        (None, Some(key)) if key.0.len() > STATE_KEY_BYTES_MAX => {
            Err(RpcError::LimitExceeded { what: "state key in bytes", max: STATE_KEY_BYTES_MAX as u64 })
        }
        (None, Some(key)) => Ok(ProofTarget::Key(key.0)),
        _ => Err(RpcError::params("give either address or key")),
    }
}

fn search_text(text: &str) -> RpcResult<&str> {
    match text.trim() {
        "" => Err(RpcError::params("parameter \"text\" is empty")),
        text if text.len() > SEARCH_BYTES_MAX => {
            Err(RpcError::LimitExceeded { what: "search text in bytes", max: SEARCH_BYTES_MAX as u64 })
        }
        text => Ok(text),
    }
}

/// The body to simulate: given as transaction, as body, or as what `tx_prepare` takes.
fn simulated_body(backend: &dyn Backend, params: Params) -> RpcResult<TxBody> {
    if let Some(Hex(bytes)) = params.find("txHex")? {
        return decode_tx(&bytes).map(|tx| tx.body().clone());
    }
    if let Some(Hex(bytes)) = params.find("bodyHex")? {
        return decode_body(&bytes);
    }
    backend.tx_prepare(params.all::<PrepareRequest>()?).map(|prepared| prepared.body)
}
