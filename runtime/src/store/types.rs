//! Types that go into a store and come out of it.

use crate::State;
use crate::overlay::RawWrite;
use std::borrow::Cow;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{Block, Certificate, Event, Hash, Header, Height, Outcome, TimeMs};

/// One finalized height: borrowed from whoever still shows it to readers, or owned.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    /// The block.
    pub block: Cow<'a, Block>,
    /// Its finalization, when it was finalized directly.
    pub certificate: Option<Cow<'a, Certificate>>,
    /// Its receipts and events.
    pub receipts: Cow<'a, BlockReceipts>,
    /// Every key that changed, with its new value; `None` removes it.
    pub writes: Cow<'a, [RawWrite]>,
}

/// The last finalized height of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its hash.
    pub hash: Hash,
    /// Its header.
    pub header: Header,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxLocation {
    /// Height of its block.
    pub height: Height,
    /// Position in the block.
    pub index: u32,
}

/// A place in an account's history, and where its next page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryCursor {
    /// Height of its block.
    pub height: Height,
    /// Position in the block.
    pub index: u32,
}

/// A transaction that an account took part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryItem {
    /// Its place in the history.
    pub at: HistoryCursor,
    /// Its id.
    pub tx: Hash,
    /// The block's time.
    pub time_ms: TimeMs,
    /// How it ended.
    pub outcome: Outcome,
    /// Module and call of its first call.
    pub kind: (String, String),
}

/// A page of an account's history, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The items.
    pub items: Vec<HistoryItem>,
    /// Pass as `before` for the next page; `None` at the end.
    pub next: Option<HistoryCursor>,
}

/// One event with its name (height, index).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventItem {
    /// Height of its block.
    pub height: Height,
    /// Position among the block's events.
    pub index: u32,
    /// Its transaction; `None` for the block's own.
    pub tx: Option<Hash>,
    /// The event itself.
    pub event: Event,
}

/// A run of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub items: Vec<EventItem>,
    /// Where to go on: first (height, index) not covered. Beyond the tip when everything was read.
    pub next: (Height, u32),
}

/// Which way a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// Oldest first.
    Newer,
    /// Newest first.
    Older,
}

/// A run of a statement's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementPage {
    /// The events, in the order asked for.
    pub items: Vec<EventItem>,
    /// The next one, where there is one.
    pub next: Option<(Height, u32)>,
}

/// The proof of a finalized height: headers from it up to a certified one, and the certificate of the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The height's header first, the certified one last; never empty.
    pub path: Vec<Header>,
    /// Certificate of the last; `None` only for genesis, which needs none.
    pub certificate: Option<Certificate>,
}

impl Commit<'_> {
    /// The commit of height 0: its header and every entry of its state.
    #[must_use]
    pub fn genesis(header: Header, state: &State) -> Self {
        let writes = state.entries().map(|(key, value)| (key.to_vec(), Some(value.to_vec()))).collect();
        Self {
            block: Cow::Owned(crate::execute::genesis_block(header)),
            certificate: None,
            receipts: Cow::Owned(BlockReceipts::default()),
            writes: Cow::Owned(writes),
        }
    }

    /// The block's height.
    #[must_use]
    pub fn height(&self) -> Height {
        self.block.header.height
    }
}
