//! Events as they are listed and streamed.

use serde::{Deserialize, Serialize};
use wattle_primitives::{Address, Event, Hash, Height, TimeMs};

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
