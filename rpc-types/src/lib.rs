//! The JSON of requests and replies, the queries that a node answers with them, and the methods that ask them: no
//! server, no client.
//!
//! Fields are camelCase, integers of 64 bits and more are decimal strings, bytes are hex. The types can be read as well
//! as written, so that server and clients in Rust share them.
//!
//! One file for each group of methods, with its replies, its trait of queries and the table of its methods: [`chain`],
//! [`account`], [`search`], [`tx`], [`event`], [`energy`], [`market`], [`deals`], [`disputes`], [`ledger`], [`token`],
//! [`identity`], [`node`] and, for the operator alone, [`admin`]; [`health`] has queries that no method asks. [`error`]
//! says what can go wrong, [`limits`] what is too much. With the feature `schema`, for servers, `method` and `params`
//! say what a method is.
//!
//! # Queries
//! The traits' functions are called on a blocking thread: at most [`limits::BLOCKING_CALLS_MAX`] at once, of those that
//! list [`limits::LISTING_CALLS_MAX`], and of [`EventQueries`] [`limits::EVENT_READERS_MAX`]. They may read a disk but
//! must not wait for the network. Lists are bounded by the request's limit, and so is the work for one page. Answers
//! describe the last finalized state unless they say otherwise.
//!
//! # Errors
//! Of all queries: [`RpcError::Unavailable`] while the node starts or is halted, [`RpcError::Internal`] when its own
//! disk fails. `NotFound` where one thing is asked for that is not there, `Pruned` where it is no more, `InvalidParams`
//! for a cursor that was not handed out here.

/// The methods of a module, in the order in which they are described: made with `query!`, `list!`, `order!` and
/// `method!`.
macro_rules! methods {
    [$($method:expr),* $(,)?] => {
        /// Methods of this module.
        #[cfg(feature = "schema")]
        pub static METHODS: &[$crate::method::Method] = &[$($method),*];
    };
}

#[macro_use]
#[cfg(feature = "schema")]
pub mod method;
#[cfg(feature = "schema")]
pub mod params;

pub mod account;
pub mod admin;
pub mod chain;
pub mod deals;
pub mod disputes;
pub mod energy;
pub mod error;
pub mod event;
pub mod health;
pub mod identity;
pub mod ledger;
pub mod limits;
pub mod market;
pub mod node;
pub mod search;
pub mod token;
pub mod tx;

pub use account::{AccountQueries, AccountReply, Balance, HistoryItem, ProofReply, ProofTarget};
pub use admin::{Admin, NodeFiles, NodeInfo};
pub use chain::{
    BlockReply, ChainQueries, ChainStatus, EventProof, LightBlock, ParamsReply, ValidatorsReply,
};
pub use deals::{AcceptanceInfo, DealInfo, DealQueries};
pub use disputes::{DisputeInfo, DisputeQueries, DisputesRequest, OpenedInfo};
pub use energy::{
    BillRequest, EnergyQueries, IntervalInfo, IntervalState, MandateInfo, MeasuredInfo, MemberInfo,
    MeterInfo, MicrogridInfo, PausedInfo, ReadingItem, ReadingsRequest, SettlementInfo, TermsInfo,
};
pub use error::{RpcError, RpcResult};
pub use event::{EventFilter, EventItem, EventList, EventPage, EventPosition, EventQueries};
pub use health::{Health, HealthQueries, HealthStatus, Liveness, Readiness};
pub use identity::{AllowanceInfo, GrantInfo, IdentityQueries, SpentInfo, SponsorshipInfo};
pub use ledger::{
    BookInfo, ChartItem, DueInfo, HoldInfo, LedgerAccountInfo, LedgerQueries, StatementLine,
    StatementRequest, TrialBalanceItem, Until,
};
pub use market::{BookLevel, MarketQueries, OrderBook, OrderInfo};
pub use node::{ConsensusReply, EvidenceItem, NodeQueries, PeerBan, PeerDirection, PeerInfo, Peers};
pub use search::{SearchHit, SearchKind, SearchQueries, SearchReply};
pub use token::{AssetInfo, SupplyInfo, TokenQueries};
pub use tx::{
    Answers, PrepareRequest, PreparedTx, ReceiptReply, Simulation, Submission, TxQueries, TxReply, TxState,
    TxStatus,
};

pub use wattle_primitives::ChainParams;
/// Serde of a plain `u64` as the units write theirs.
pub use wattle_primitives::units::decimal;

use serde::{Deserialize, Serialize};
use wattle_primitives::Height;

/// Names every module of queries once, in the order in which their methods are described.
macro_rules! queries {
    ($($module:ident: $queries:ident,)*) => {
        /// A node, seen from its clients: the queries of every module that methods ask.
        pub trait Queries: $($module::$queries +)* Send + Sync + 'static {}

        impl<T: $($module::$queries +)* Send + Sync + 'static> Queries for T {}

        /// The methods for everybody.
        #[cfg(feature = "schema")]
        pub static MODULES: &[&[method::Method]] = &[$($module::METHODS),*];
    };
}

queries! {
    chain: ChainQueries,
    account: AccountQueries,
    search: SearchQueries,
    tx: TxQueries,
    event: EventQueries,
    energy: EnergyQueries,
    market: MarketQueries,
    deals: DealQueries,
    disputes: DisputeQueries,
    ledger: LedgerQueries,
    token: TokenQueries,
    identity: IdentityQueries,
    node: NodeQueries,
}

/// Which state an answer describes. Stands beside the answer's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct At {
    /// Height of the state that was read.
    pub height: Height,
    /// Whether that height is final. An unfinalized answer may still change.
    pub finalized: bool,
}

impl At {
    /// The state after a finalized block.
    #[must_use]
    pub const fn finalized(height: Height) -> Self {
        Self { height, finalized: true }
    }
}

/// An answer with the state it was read from: `{height, finalized, ...value}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Anchored{T}"))]
pub struct Anchored<T> {
    /// Which state.
    #[serde(flatten)]
    pub at: At,
    /// The answer.
    #[serde(flatten)]
    pub value: T,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "{T}Page"))]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// Which state.
    #[serde(flatten)]
    pub at: At,
    /// This part, at most as many as asked for.
    pub items: Vec<T>,
    /// Pass as `cursor` to get the next part; absent at the end. Its form may change: do not look into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The part of a list that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// Where to go on: `nextCursor` of the part before. A cursor that this node did not hand out is `invalid_params`.
    pub cursor: Option<String>,
    /// Most items, 1 to [`crate::limits::PAGE_ITEMS_MAX`]; the server has checked it.
    pub limit: u32,
}

/// Bytes from hex; `0x` before them is accepted.
///
/// # Errors
/// When the text is not hex.
fn from_hex<E: serde::de::Error>(text: &str) -> Result<Vec<u8>, E> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).map_err(|_| E::custom("expected an even number of hex digits"))
}

/// Bytes in hex, as a value of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        hex_bytes::deserialize(d).map(Self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Hex {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        wattle_primitives::schema::Hex::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        wattle_primitives::schema::Hex::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        wattle_primitives::schema::Hex::json_schema(generator)
    }
}

/// Bytes in JSON: lower-case hex without prefix; `0x` is accepted.
pub mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes hex.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(bytes))
    }

    /// Reads hex.
    ///
    /// # Errors
    /// When the text is not hex.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        super::from_hex(&String::deserialize(d)?)
    }
}

/// As [`hex_bytes`], for bytes that may be absent.
pub mod hex_bytes_opt {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes hex or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, s: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => s.serialize_some(&hex::encode(bytes)),
            None => s.serialize_none(),
        }
    }

    /// Reads hex or null.
    ///
    /// # Errors
    /// When the text is not hex.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<String>::deserialize(d)?.map(|text| super::from_hex(&text)).transpose()
    }
}
