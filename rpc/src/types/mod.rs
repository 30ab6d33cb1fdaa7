//! The JSON of requests and replies: camelCase, integers of 64 bits and more as decimal strings, bytes in hex.
//!
//! These types exist at this edge only. They can be read as well as written, so that clients in Rust share them.

pub mod account;
pub mod chain;
pub mod energy;
pub mod event;
pub mod ledger;
pub mod node;
pub mod tx;

pub use account::{AccountReply, Balance, HistoryItem, ProofReply, ProofTarget};
pub use chain::{BlockReply, ChainParams, ChainStatus, LightBlock, ParamsReply, ValidatorsReply};
pub use energy::{
    AcceptanceInfo, BillRequest, BookLevel, DealInfo, DisputeInfo, DisputesRequest, IntervalInfo,
    IntervalState, MeasuredInfo, MemberInfo, MeterInfo, MicrogridInfo, OpenedInfo, OrderBook, OrderInfo,
    ReadingItem, ReadingsRequest, SettlementInfo, TermsInfo,
};
pub use event::{EventFilter, EventItem, EventPage, EventPosition, EventProof};
pub use ledger::{AssetInfo, HoldInfo, LedgerAccountInfo};
pub use node::{
    ConsensusReply, EvidenceItem, Health, HealthStatus, NodeFiles, NodeInfo, PeerBan, PeerDirection,
    PeerInfo, Readiness, SearchHit, SearchKind, SearchReply,
};
pub use tx::{PrepareRequest, PreparedTx, ReceiptReply, Simulation, TxReply, TxState, TxStatus};

use serde::{Deserialize, Serialize};
use wattle_primitives::Height;

/// Which state an answer describes. Stands beside the answer's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// What part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// Where to go on: `nextCursor` of the part before. A cursor that this node did not hand out is `invalid_params`.
    pub cursor: Option<String>,
    /// Most items, 1 to [`crate::limits::PAGE_ITEMS_MAX`]; the server has checked it.
    pub limit: u32,
}

/// Bytes in JSON: lower-case hex without prefix; `0x` is accepted.
pub mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes hex.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&crate::hex::encode(bytes))
    }

    /// Reads hex.
    ///
    /// # Errors
    /// When the text is not hex.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(d)?;
        crate::hex::decode(&text).ok_or_else(|| de::Error::custom("expected an even number of hex digits"))
    }
}

/// As [`hex_bytes`], for bytes that may be absent.
pub mod hex_bytes_opt {
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes hex or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, s: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => s.serialize_some(&crate::hex::encode(bytes)),
            None => s.serialize_none(),
        }
    }

    /// Reads hex or null.
    ///
    /// # Errors
    /// When the text is not hex.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<u8>>, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else { return Ok(None) };
        let bytes = crate::hex::decode(&text);
        bytes.map(Some).ok_or_else(|| de::Error::custom("expected an even number of hex digits"))
    }
}

/// A plain `u64` in JSON: a decimal string; numbers are accepted too.
pub mod decimal {
    use serde::{Deserialize, Deserializer, Serializer};
    use wattle_primitives::Height;

    /// Writes a decimal string.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    /// Reads a decimal string or a number.
    ///
    /// # Errors
    /// When it is neither, or does not fit.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        Height::deserialize(d).map(|value| value.0) // any unit reads the same
    }
}
