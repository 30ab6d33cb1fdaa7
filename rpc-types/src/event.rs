//! `event_*`: events as they are listed and streamed, and which of them concern whom.

use crate::{At, RpcError, RpcResult};
use serde::{Deserialize, Serialize};
use wattle_primitives::{Address, Event, Hash, Height, TimeMs};

/// Queries about events.
pub trait EventQueries {
    /// At most `limit` consecutive events of finalized blocks, from `from` on.
    ///
    /// May stop early, even without any event, after a bounded number of heights: then `next` is further on and not
    /// beyond the finalized height, and the caller asks again. `Pruned` when `from` is below the horizon.
    fn events(&self, from: EventPosition, limit: u32) -> RpcResult<EventPage>;
}

methods![
    method!(
        "event_subscribe",
        "Streams every event from a height on; WebSocket only.",
        [opt::<Height>("fromHeight"), opt::<EventFilter>("filter")],
        Subscribe
    ),
    method!(
        "event_unsubscribe",
        "Ends a stream; whether there was one.",
        [req::<String>("subscription")],
        Unsubscribe
    ),
    method!(
        "event_list",
        "Events of finalized blocks, oldest first.",
        [
            opt::<Height>("fromHeight"),
            opt::<EventFilter>("filter"),
            opt::<String>("cursor"),
            opt::<u32>("limit")
        ],
        ListEvents
    ),
];

/// The name of an event, and a place in the sequence of all events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventPosition {
    /// Height of the block.
    pub height: Height,
    /// Counts through the whole block: its own events first, then each transaction's.
    pub index: u32,
}

/// One event of a finalized block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// The event itself.
    pub event: Event,
}

/// Consecutive events as the backend hands them out, and where they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// Events, rising, none left out.
    pub items: Vec<EventItem>,
    /// First position that was not looked at. Beyond the finalized height when all was.
    pub next: EventPosition,
}

/// Which events are wanted. An empty list puts no condition; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventFilter {
    /// Types, as in `event.type`: `posted`, `reading_accepted`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<EventType>"))]
    pub types: Vec<String>,
    /// Accounts, any of which the event must touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Address>,
    /// Transactions, any of which the event must belong to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub txs: Vec<Hash>,
}

/// `event_list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// Last finalized height.
    #[serde(flatten)]
    pub at: At,
    /// The events, oldest first.
    pub items: Vec<EventItem>,
    /// Where the next page begins; also at the head, for those who poll.
    pub next_cursor: String,
    /// Whether there is more to look at already.
    pub truncated: bool,
}

/// A message of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Notice {
    /// Events were left out.
    Lagged {
        /// The gap.
        lagged: Lagged,
    },
    /// The stream ends here; subscribe again later.
    Failed {
        /// The error, as in any response.
        error: serde_json::Value,
    },
    /// An event.
    Event(Box<EventItem>),
}

/// The gap in a stream: from `missed_from` up to, and not including, `resumed_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Lagged {
    /// Height of the first event left out: fetch from there with `event_list`.
    pub missed_from: Height,
    /// Its index.
    pub missed_from_index: u32,
    /// Height at which the stream goes on.
    pub resumed_at: Height,
    /// Reason of the gap.
    pub reason: LagReason,
}

/// Why a stream has a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LagReason {
    /// The client took too little.
    Slow,
    /// This node keeps no history so old.
    Pruned,
}

impl EventPosition {
    /// The position as a cursor.
    #[must_use]
    pub fn to_cursor(self) -> String {
        format!("{}-{}", self.height, self.index)
    }

    /// The position that a cursor means.
    ///
    /// # Errors
    /// [`RpcError::InvalidParams`].
    pub fn from_cursor(text: &str) -> RpcResult<Self> {
        let parts = text.split_once('-').and_then(|(h, i)| Some((h.parse().ok()?, i.parse().ok()?)));
        let (height, index) = parts
            .ok_or_else(|| RpcError::params("parameter \"cursor\" was not handed out by this method"))?;
        Ok(Self { height, index })
    }
}

/// A type of event, as its shape.
#[cfg(feature = "schema")]
struct EventType;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for EventType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "enum": Event::types().collect::<Vec<_>>() })
    }
}

/// Whether an event names `address`.
#[must_use]
pub fn touches(event: &Event, address: &Address) -> bool {
    event.concerns().parties.contains(&Some(*address))
}

impl EventFilter {
    /// Whether all that is asked for holds.
    #[must_use]
    pub fn matches(&self, item: &EventItem) -> bool {
        let kind = item.event.type_name();
        (self.types.is_empty() || self.types.iter().any(|t| t == kind))
            && (self.accounts.is_empty() || self.accounts.iter().any(|a| touches(&item.event, a)))
            && (self.txs.is_empty() || item.tx.is_some_and(|tx| self.txs.contains(&tx)))
    }
}
