//! The shapes of requests and replies, from which the OpenRPC document is made.
//!
//! A test holds every reply of every method against its shape, so that neither drifts.

use serde_json::{Map, Value, json};
use wattle_rpc_types::event::EVENT_TYPES;

/// The shape of a JSON value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ty {
    /// Text.
    Str,
    /// True or false.
    Bool,
    /// A number of at most 32 bits.
    Int,
    /// A number that may be negative or exceed 32 bits, but not 53.
    Number,
    /// An unsigned integer of 64 bits or more, as a decimal string.
    Decimal,
    /// 64 hex digits.
    Hash,
    /// 128 hex digits.
    Signature,
    /// Bytes in hex.
    Hex,
    /// A bech32m account address.
    Address,
    /// One of these texts.
    Enum(&'static [&'static str]),
    /// A list.
    List(&'static Ty),
    /// Another shape, by name.
    Ref(&'static str),
    /// An object with any text keys.
    MapOf(&'static Ty),
    /// One of these shapes.
    AnyOf(&'static [Ty]),
    /// The shape, or null.
    Nullable(&'static Ty),
    /// Any object: its shape is told in the protocol's description.
    Object,
}

/// A member of an object, or a parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) ty: Ty,
    pub(crate) required: bool,
}

/// A named object: the fields of all parts together.
pub(crate) struct Component {
    pub(crate) name: &'static str,
    pub(crate) parts: &'static [&'static [Field]],
}

pub(crate) const fn req(name: &'static str, ty: Ty) -> Field {
    Field { name, ty, required: true }
}

pub(crate) const fn opt(name: &'static str, ty: Ty) -> Field {
    Field { name, ty, required: false }
}

impl Ty {
    /// The shape as JSON Schema (draft 7).
    pub(crate) fn to_schema(self) -> Value {
        match self {
            Self::Str => json!({ "type": "string" }),
            Self::Bool => json!({ "type": "boolean" }),
            Self::Int => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            Self::Number => json!({ "type": "integer" }),
            Self::Decimal => json!({ "type": "string", "pattern": "^[0-9]+$" }),
            Self::Hash => json!({ "type": "string", "pattern": "^(0x)?[0-9a-fA-F]{64}$" }),
            Self::Signature => json!({ "type": "string", "pattern": "^(0x)?[0-9a-fA-F]{128}$" }),
            Self::Hex => json!({ "type": "string", "pattern": "^(0x)?([0-9a-fA-F]{2})*$" }),
            Self::Address => json!({ "type": "string", "pattern": "^wat1[02-9ac-hj-np-z]+$" }),
            Self::Enum(values) => json!({ "type": "string", "enum": values }),
            Self::List(item) => json!({ "type": "array", "items": item.to_schema() }),
            Self::Ref(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            Self::MapOf(value) => json!({ "type": "object", "additionalProperties": value.to_schema() }),
            Self::AnyOf(shapes) => {
                json!({ "anyOf": shapes.iter().map(|shape| shape.to_schema()).collect::<Vec<_>>() })
            }
            Self::Nullable(inner) => json!({ "anyOf": [inner.to_schema(), { "type": "null" }] }),
            Self::Object => json!({ "type": "object" }),
        }
    }
}

impl Component {
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    fn to_schema(&self) -> Value {
        let properties: Map<String, Value> =
            self.fields().map(|f| (f.name.to_owned(), f.ty.to_schema())).collect();
        let required: Vec<&str> = self.fields().filter(|f| f.required).map(|f| f.name).collect();
        json!({ "type": "object", "properties": properties, "required": required })
    }
}

/// All named shapes as `components.schemas`.
pub(crate) fn components() -> Value {
    COMPONENTS.iter().map(|c| (c.name.to_owned(), c.to_schema())).collect::<Map<_, _>>().into()
}

const AT: &[Field] = &[req("height", Ty::Decimal), req("finalized", Ty::Bool)];
const FINALITY: &[Field] =
    &[opt("finalization", Ty::Ref("Certificate")), req("path", Ty::List(&Ty::Ref("Header")))];
const HEADER: &[Field] = &[req("header", Ty::Ref("Header")), req("hash", Ty::Hash)];
const POSITION: &[Field] = &[req("height", Ty::Decimal), req("index", Ty::Int)];
const CURSOR: &[Field] = &[opt("nextCursor", Ty::Str)];

const TX_STATUS: &[Field] = &[
    req("id", Ty::Hash),
    req("state", Ty::Enum(&["pending", "included", "finalized", "expired", "rejected"])),
    req("finalized", Ty::Bool),
    opt("height", Ty::Decimal),
    opt("index", Ty::Int),
    req("head", Ty::Decimal),
    opt("expiresMs", Ty::Decimal),
    opt("reason", Ty::Str),
    opt("receipt", Ty::Ref("Receipt")),
];
const MICROGRID: &[Field] = &[
    req("id", Ty::Hash),
    req("operator", Ty::Address),
    req("asset", Ty::Decimal),
    req("intervalMs", Ty::Decimal),
    req("meters", Ty::Int),
    req("book", Ty::Decimal),
    req("members", Ty::Int),
    req("terms", Ty::Int),
    req("cash", Ty::Decimal),
    req("current", Ty::Decimal),
    opt("nextClear", Ty::Decimal),
    opt("nextSettle", Ty::Decimal),
    opt("nextFinal", Ty::Decimal),
];
const DEAL: &[Field] = &[
    req("deal", Ty::Hash),
    req("microgrid", Ty::Hash),
    req("state", Ty::Enum(&["requested", "confirmed", "authorised"])),
    req("requester", Ty::Address),
    req("side", SIDES),
    req("wh", Ty::Decimal),
    req("whMin", Ty::Decimal),
    req("unitWh", Ty::Decimal),
    req("price", Ty::Decimal),
    req("expiresMs", Ty::Decimal),
    opt("partner", Ty::Address),
    opt("funding", Ty::Enum(&["balance", "credit"])),
    req("reserved", Ty::Decimal),
    req("marginWh", Ty::Decimal),
    opt("meter", Ty::Address),
    req("seq", Ty::Decimal),
    req("usedWh", Ty::Decimal),
    req("remainingWh", Ty::Decimal),
    req("stop", Ty::Bool),
    req("acceptances", Ty::List(&Ty::Ref("Acceptance"))),
];

const DISPUTE: &[Field] = &[
    req("dispute", Ty::Hash),
    req("microgrid", Ty::Hash),
    req("account", Ty::Address),
    req("meter", Ty::Address),
    req("claim", Ty::Decimal),
    req("note", Ty::Hash),
    req("upheld", Ty::Int),
    req("rejected", Ty::Int),
    req("votesNeeded", Ty::Int),
    opt("opened", Ty::Ref("Opened")),
];

const METER: &[Field] = &[
    req("address", Ty::Address),
    req("microgrid", Ty::Hash),
    req("key", Ty::Hash),
    req("owner", Ty::Address),
    req("encoding", Ty::AnyOf(&[Ty::Enum(&["float32_kwh", "uint32_wh", "uint64_wh"]), Ty::Ref("Acc32")])),
    req("role", Ty::Enum(&["sub", "feeder"])),
    req("powerMaxW", Ty::Int),
    opt("replacedBy", Ty::Address),
    req("seq", Ty::Decimal),
    req("importWh", Ty::Decimal),
    req("exportWh", Ty::Decimal),
    req("timeMs", Ty::Decimal),
    opt("settledUntil", Ty::Decimal),
    opt("silentSinceMs", Ty::Decimal),
    req("estimated", Ty::Decimal),
];
const INTERVAL: &[Field] = &[req("microgrid", Ty::Hash), req("interval", Ty::Decimal)];
const SIDES: Ty = Ty::Enum(&["buy", "sell"]);
const ORDER: &[Field] = &[
    req("order", Ty::Hash),
    req("account", Ty::Address),
    req("side", SIDES),
    req("price", Ty::Decimal),
    req("wh", Ty::Decimal),
    opt("partner", Ty::Address),
    opt("expiresMs", Ty::Decimal),
    req("filledWh", Ty::Decimal),
];
const ASSET: &[Field] = &[
    req("id", Ty::Decimal),
    req("symbol", Ty::Str),
    req("scale", Ty::Int),
    opt("issuer", Ty::Address),
    req("supply", Ty::Decimal),
];

const SEARCH_KINDS: Ty =
    Ty::Enum(&["block", "tx", "account", "meter", "microgrid", "hold", "asset", "validator"]);

macro_rules! components {
    ($($name:literal: $($part:expr),+;)*) => {
        /// Every named shape.
        pub(crate) static COMPONENTS: &[Component] = &[$(Component { name: $name, parts: &[$($part),+] }),*];
    };
}

components! {
    "Header": &[
        req("version", Ty::Int), req("chain", Ty::Hash), req("epoch", Ty::Decimal), req("view", Ty::Decimal),
        req("height", Ty::Decimal), req("parent", Ty::Hash), req("timeMs", Ty::Decimal), req("proposer", Ty::Hash),
        req("txsRoot", Ty::Hash), req("stateRoot", Ty::Hash), req("receiptsRoot", Ty::Hash),
        req("validatorsHash", Ty::Hash), req("nextValidatorsHash", Ty::Hash),
    ];
    "Certificate": &[
        req("vote", Ty::Ref("Vote")), req("signers", Ty::Hex), req("signatures", Ty::List(&Ty::Signature)),
    ];
    "Vote": &[
        opt("notarize", Ty::Ref("Proposal")), opt("nullify", Ty::Ref("Round")), opt("finalize", Ty::Ref("Proposal")),
    ];
    "Proposal": &[req("round", Ty::Ref("Round")), req("parentView", Ty::Decimal), req("block", Ty::Hash)];
    "Round": &[req("epoch", Ty::Decimal), req("view", Ty::Decimal)];
    "SignedVote": &[req("vote", Ty::Ref("Vote")), req("signer", Ty::Int), req("signature", Ty::Signature)];
    "Validator": &[req("key", Ty::Hash), req("power", Ty::Number)];
    "Call": &[
        req("module", Ty::Enum(&["ledger", "token", "identity", "energy"])), req("call", Ty::Str),
        req("args", Ty::Object),
    ];
    "Auth": &[req("key", Ty::Hash), req("signature", Ty::Signature)];
    "TxBody": &[
        req("chain", Ty::Hash), req("sender", Ty::Address), req("lane", Ty::Decimal), req("nonce", Ty::Decimal),
        req("expiresMs", Ty::Decimal), req("feePayer", Ty::Address), req("maxFee", Ty::Decimal),
        req("tip", Ty::Decimal), req("calls", Ty::List(&Ty::Ref("Call"))),
    ];
    "Tx": &[
        req("version", Ty::Enum(&["1"])), req("body", Ty::Ref("TxBody")), req("auths", Ty::List(&Ty::Ref("Auth"))),
    ];
    "Event": &[req("type", Ty::Enum(EVENT_TYPES))];
    "EventItem": POSITION, &[req("timeMs", Ty::Decimal), opt("tx", Ty::Hash), req("event", Ty::Ref("Event"))];
    "EventFilter": &[
        opt("types", Ty::List(&Ty::Enum(EVENT_TYPES))), opt("accounts", Ty::List(&Ty::Address)),
        opt("txs", Ty::List(&Ty::Hash)),
    ];
    "EventList": AT, &[
        req("items", Ty::List(&Ty::Ref("EventItem"))), req("nextCursor", Ty::Str), req("truncated", Ty::Bool),
    ];
    "Receipt": &[
        req("code", Ty::Str), opt("failedCall", Ty::Int), req("weight", Ty::Decimal), req("fee", Ty::Decimal),
        req("events", Ty::List(&Ty::Ref("Event"))),
    ];
    "ChainStatus": AT, &[
        req("chainId", Ty::Str), req("genesisHash", Ty::Hash), req("hash", Ty::Hash), req("stateRoot", Ty::Hash),
        req("timeMs", Ty::Decimal), req("epoch", Ty::Decimal), req("view", Ty::Decimal), req("validators", Ty::Int),
        req("peers", Ty::Int), req("syncing", Ty::Bool), req("horizon", Ty::Decimal), req("mempoolTxs", Ty::Int),
        req("version", Ty::Str), req("protocolVersion", Ty::Int),
    ];
    "Block": AT, HEADER, FINALITY, &[
        req("txIds", Ty::List(&Ty::Hash)), req("eventCount", Ty::Int), req("sizeBytes", Ty::Int),
        req("weight", Ty::Decimal),
    ];
    "LightBlock": AT, HEADER, FINALITY, &[req("validators", Ty::List(&Ty::Ref("Validator")))];
    "Validators": AT, &[
        req("epoch", Ty::Decimal), req("hash", Ty::Hash), req("validators", Ty::List(&Ty::Ref("Validator"))),
        req("totalPower", Ty::Number), req("quorum", Ty::Number),
    ];
    "ParamsReply": AT, &[req("epoch", Ty::Decimal), req("params", Ty::Ref("Params"))];
    "Params": &[
        req("epochLength", Ty::Decimal), req("blockIntervalMs", Ty::Decimal), req("idleIntervalMs", Ty::Decimal),
        req("leaderTimeoutMs", Ty::Decimal), req("advanceTimeoutMs", Ty::Decimal), req("timeoutMsMax", Ty::Decimal),
        req("skipTimeoutMs", Ty::Decimal), req("clockSkewMsMax", Ty::Decimal), req("blockBytesMax", Ty::Int),
        req("blockWeightMax", Ty::Decimal), req("weightPrice", Ty::Decimal), req("accountDeposit", Ty::Decimal),
        req("bandwidthRate", Ty::Decimal), req("bandwidthCapacity", Ty::Decimal),
    ];
    "Account": AT, &[
        req("address", Ty::Address), req("exists", Ty::Bool), req("nonce", Ty::MapOf(&Ty::Decimal)),
        req("balances", Ty::List(&Ty::Ref("Balance"))), opt("authority", Ty::Ref("Authority")),
        req("bandwidth", Ty::Decimal),
    ];
    "Balance": &[
        req("asset", Ty::Decimal), req("symbol", Ty::Str), req("scale", Ty::Int), req("available", Ty::Decimal),
        req("pending", Ty::Decimal), req("incoming", Ty::Decimal),
    ];
    "Authority": &[req("keys", Ty::List(&Ty::Ref("KeyWeight"))), req("threshold", Ty::Int)];
    "KeyWeight": &[req("key", Ty::Hash), req("weight", Ty::Int)];
    "Proof": AT, FINALITY, &[
        req("key", Ty::Hex), req("value", Ty::Nullable(&Ty::Hex)), req("proof", Ty::Ref("TrieProof")),
        req("header", Ty::Ref("Header")),
    ];
    "TrieProof": &[
        req("path", Ty::List(&Ty::Ref("TrieStep"))), req("leaf", Ty::Nullable(&Ty::Ref("TrieLeaf"))),
    ];
    "TrieStep": &[req("bit", Ty::Int), req("sibling", Ty::Hash)];
    "TrieLeaf": &[req("keyHash", Ty::Hash), req("valueHash", Ty::Hash)];
    "HistoryItem": POSITION, &[
        req("id", Ty::Hash), req("timeMs", Ty::Decimal), req("sender", Ty::Address), req("calls", Ty::List(&Ty::Str)),
        req("code", Ty::Str), req("fee", Ty::Decimal), req("events", Ty::List(&Ty::Ref("Event"))),
    ];
    "History": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("HistoryItem")))];
    "PreparedTx": AT, &[
        req("id", Ty::Hash), req("bodyHex", Ty::Hex), req("signingHex", Ty::Hex), req("fee", Ty::Decimal),
        req("weight", Ty::Decimal), req("body", Ty::Ref("TxBody")),
    ];
    "Submission": &[opt("txHex", Ty::Hex), opt("bodyHex", Ty::Hex), opt("auths", Ty::List(&Ty::Ref("Auth")))];
    "Submitted": &[req("id", Ty::Hash)];
    "SubmittedBatch": &[req("results", Ty::List(&Ty::Ref("SubmittedOne")))];
    "SubmittedOne": &[opt("id", Ty::Hash), opt("error", Ty::Ref("Error"))];
    "Error": &[req("code", Ty::Number), req("message", Ty::Str), req("data", Ty::Object)];
    "TxStatus": TX_STATUS;
    "TxReply": TX_STATUS, &[opt("tx", Ty::Ref("Tx")), opt("txHex", Ty::Hex)];
    "Simulation": AT, &[
        req("id", Ty::Hash), req("receipt", Ty::Ref("Receipt")), req("weight", Ty::Decimal), req("fee", Ty::Decimal),
    ];
    "SearchHit": &[req("kind", SEARCH_KINDS), req("target", Ty::Str)];
    "Search": AT, &[
        req("kind", SEARCH_KINDS), req("target", Ty::Str), req("also", Ty::List(&Ty::Ref("SearchHit"))),
        req("truncated", Ty::Bool),
    ];
    "MicrogridItem": MICROGRID;
    "Microgrid": AT, MICROGRID;
    "Microgrids": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("MicrogridItem")))];
    "MeterItem": METER;
    "Meter": AT, METER;
    "Meters": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("MeterItem")))];
    "Reading": POSITION, &[
        req("tx", Ty::Hash), req("meter", Ty::Address), req("seq", Ty::Decimal), req("importWh", Ty::Decimal),
        req("exportWh", Ty::Decimal), req("timeMs", Ty::Decimal), req("blockTimeMs", Ty::Decimal),
    ];
    "Readings": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("Reading")))];
    "Acc32": &[req("acc32", Ty::Ref("Exponent"))];
    "Exponent": &[req("exponent", Ty::Number)];
    "TariffBand": &[
        req("fromMinute", Ty::Int), req("importPrice", Ty::Decimal), req("exportPrice", Ty::Decimal),
    ];
    "TermsValue": &[
        req("tariff", Ty::List(&Ty::Ref("TariffBand"))), req("utcOffsetMinutes", Ty::Number),
        req("clearing", Ty::Enum(&["tariff", "pay_as_bid", "uniform", "mid_market"])),
        req("gateClosureMs", Ty::Decimal), req("graceMs", Ty::Decimal), req("lateWindowMs", Ty::Decimal),
        req("feePerKwh", Ty::Decimal), req("losses", Ty::Enum(&["operator", "pro_rata"])),
        req("lossPermilleMax", Ty::Int), req("creditLimit", Ty::Decimal),
        req("installer", Ty::Nullable(&Ty::Address)), req("disputeVotes", Ty::Int),
    ];
    "Terms": AT, &[
        req("microgrid", Ty::Hash), req("version", Ty::Int), req("from", Ty::Decimal),
        req("terms", Ty::Ref("TermsValue")),
    ];
    "Member": &[
        req("account", Ty::Address), req("code", Ty::Int), req("owes", Ty::Decimal), req("due", Ty::Decimal),
        opt("creditLimit", Ty::Decimal), req("reserved", Ty::Decimal), req("estimated", Ty::Decimal),
        req("collect", Ty::Bool), req("exposed", Ty::Decimal),
    ];
    "Members": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("Member")))];
    "Interval": AT, INTERVAL, &[
        req("startMs", Ty::Decimal), req("endMs", Ty::Decimal),
        req("state", Ty::Enum(&["open", "clearing", "cleared", "settling", "settled", "final"])),
        opt("orders", Ty::Int), req("tradedWh", Ty::Decimal), opt("trades", Ty::Int), opt("price", Ty::Decimal),
        opt("settlement", Ty::Ref("Settlement")), req("events", Ty::List(&Ty::Ref("EventItem"))),
    ];
    "Settlement": &[
        req("accounts", Ty::Int), req("members", Ty::Ref("Measured")), req("feeders", Ty::Ref("Measured")),
    ];
    "Measured": &[
        req("meters", Ty::Int), req("estimated", Ty::Int), req("importWh", Ty::Decimal), req("exportWh", Ty::Decimal),
    ];
    "BookLevel": &[req("price", Ty::Decimal), req("wh", Ty::Decimal), req("orders", Ty::Int)];
    "OrderBook": AT, INTERVAL, &[
        req("bids", Ty::List(&Ty::Ref("BookLevel"))), req("offers", Ty::List(&Ty::Ref("BookLevel"))),
        req("truncated", Ty::Bool),
    ];
    "OrderItem": INTERVAL, ORDER;
    "Order": AT, INTERVAL, ORDER;
    "Orders": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("OrderItem")))];
    "Acceptance": &[req("account", Ty::Address), req("whMax", Ty::Decimal), req("price", Ty::Decimal)];
    "DealItem": DEAL;
    "Deal": AT, DEAL;
    "Deals": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("DealItem")))];
    "Opened": &[
        req("height", Ty::Decimal), req("tx", Ty::Hash), req("firstSeq", Ty::Decimal), req("secondSeq", Ty::Decimal),
    ];
    "DisputeItem": DISPUTE;
    "Dispute": AT, DISPUTE;
    "Disputes": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("DisputeItem")))];
    "Statement": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("EventItem")))];
    "ListProof": &[req("index", Ty::Int), req("count", Ty::Int), req("siblings", Ty::List(&Ty::Hash))];
    "EventProof": AT, &[
        req("index", Ty::Int), req("event", Ty::Ref("Event")), req("place", Ty::Int), req("leafHex", Ty::Hex),
        req("proof", Ty::Ref("ListProof")), req("header", Ty::Ref("Header")),
    ], FINALITY;
    "AccountId": &[
        req("kind", Ty::Enum(&["wallet", "book", "system", "due"])), opt("owner", Ty::Address),
        opt("book", Ty::Decimal), opt("code", Ty::Int), opt("account", Ty::Enum(&["issuance", "fees", "deposits"])),
        opt("to", Ty::Decimal),
    ];
    "Hold": AT, &[
        req("id", Ty::Hash), req("debit", Ty::Ref("AccountId")), req("credit", Ty::Ref("AccountId")),
        req("asset", Ty::Decimal), req("amount", Ty::Decimal), req("captor", Ty::Address),
        req("expiresMs", Ty::Decimal),
    ];
    "LedgerAccount": AT, &[
        req("account", Ty::Ref("AccountId")), req("asset", Ty::Decimal),
        req("class", Ty::Enum(&["asset", "liability", "equity", "revenue", "expense"])), req("limited", Ty::Bool),
        req("debitsPending", Ty::Decimal), req("debitsPosted", Ty::Decimal), req("creditsPending", Ty::Decimal),
        req("creditsPosted", Ty::Decimal),
    ];
    "AssetItem": ASSET;
    "Asset": AT, ASSET;
    "Assets": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("AssetItem")))];
    "Peer": &[
        req("peerId", Ty::Str), req("connected", Ty::Bool), opt("address", Ty::Str),
        opt("direction", Ty::Enum(&["inbound", "outbound"])), opt("role", Ty::Enum(&["validator", "full", "light"])),
        opt("validator", Ty::Hash), opt("height", Ty::Decimal), req("agent", Ty::Str), opt("rttUs", Ty::Int),
        req("score", Ty::Int), req("penalties", Ty::MapOf(&Ty::Int)), opt("ban", Ty::Ref("PeerBan")),
    ];
    "PeerBan": &[req("reason", Ty::Str), req("remainingMs", Ty::Decimal)];
    "Peers": AT, &[req("peers", Ty::List(&Ty::Ref("Peer")))];
    "Consensus": AT, &[
        req("validating", Ty::Bool), opt("index", Ty::Int), req("epoch", Ty::Decimal), req("view", Ty::Decimal),
        req("leader", Ty::Hash), req("leaderIndex", Ty::Int), req("notarizedHeight", Ty::Decimal),
        req("viewAgeMs", Ty::Decimal), req("leaderTimeoutMs", Ty::Decimal), req("advanceTimeoutMs", Ty::Decimal),
        req("nullifications", Ty::Decimal), req("commitBacklog", Ty::Int),
    ];
    "NodeInfo": &[
        req("name", Ty::Str), req("version", Ty::Str), req("pid", Ty::Int), req("uptimeMs", Ty::Decimal),
        req("genesisHash", Ty::Hash), req("height", Ty::Decimal), req("peerId", Ty::Str),
        req("listen", Ty::List(&Ty::Str)), req("rpc", Ty::Str), opt("validator", Ty::Hash), req("logFilter", Ty::Str),
        req("files", Ty::Ref("NodeFiles")),
    ];
    "NodeFiles": &[
        req("home", Ty::Str), req("backUp", Ty::List(&Ty::Str)), req("neverRestore", Ty::List(&Ty::Str)),
        req("rebuildable", Ty::List(&Ty::Str)), req("rebuildableBytes", Ty::Decimal), req("freeBytes", Ty::Decimal),
    ];
    "Done": &[req("done", Ty::Bool)];
    "LogFilter": &[req("filter", Ty::Str), req("before", Ty::Str)];
    "EvidenceItem": &[
        req("validator", Ty::Hash), req("index", Ty::Int), req("epoch", Ty::Decimal), req("view", Ty::Decimal),
        req("kind", Ty::Str), req("first", Ty::Ref("SignedVote")), req("second", Ty::Ref("SignedVote")),
        req("seenMs", Ty::Decimal),
    ];
    "Evidence": AT, CURSOR, &[req("items", Ty::List(&Ty::Ref("EvidenceItem")))];
}
