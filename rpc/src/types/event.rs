//! Events as they are listed and streamed.

use super::{At, hex_bytes};
use serde::{Deserialize, Serialize};
use wattle_primitives::merkle::ListProof;
use wattle_primitives::{Address, Certificate, Event, Hash, Header, Height, TimeMs};

/// The name of an event, and a place in the sequence of all events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventPosition {
    /// Height of the block.
    pub height: Height,
    /// Counts through the whole block: its own events first, then each transaction's.
    pub index: u32,
}

/// One event of a finalized block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventItem {
    /// Its name.
    #[serde(flatten)]
    pub position: EventPosition,
    /// Time of its block, ms UTC.
    pub time_ms: TimeMs,
    /// The transaction it belongs to; absent for the block's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx: Option<Hash>,
    /// What happened.
    pub event: Event,
}

/// What the backend hands out: consecutive events and where they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// Events, rising, none left out.
    pub items: Vec<EventItem>,
    /// First position that was not looked at. Beyond the finalized height when all was.
    pub next: EventPosition,
}

/// Which events are wanted. An empty list puts no condition; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventFilter {
    /// Types, as in `event.type`: `posted`, `reading_accepted`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Accounts, any of which the event must touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Address>,
    /// Transactions, any of which the event must belong to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub txs: Vec<Hash>,
}

/// `chain_getEventProof`: an event with everything needed to check that it happened.
///
/// Check, in this order: `finalization` against the validator set; `path` from `header` to the certified one; `proof` of
/// `H(wattle:receipt-leaf:v1, leaf)` under `header.receiptsRoot`; that `leaf` holds the event: it is the encoded list of
/// the block's own events when the proof's index is 0, else the encoded receipt of transaction `index - 1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventProof {
    /// Which block.
    #[serde(flatten)]
    pub at: At,
    /// The event's number in the block.
    pub index: u32,
    /// The event.
    pub event: Event,
    /// Its number within the leaf.
    pub place: u32,
    /// What is hashed.
    #[serde(with = "hex_bytes", rename = "leafHex")]
    pub leaf: Vec<u8>,
    /// Shows the leaf's hash under the header's receipts root.
    pub proof: ListProof,
    /// The block's header.
    pub header: Header,
    /// Certificate of the last header of `path`, or of `header` when `path` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalization: Option<Certificate>,
    /// Headers above `header` up to the certified one.
    pub path: Vec<Header>,
}
