//! Events as pages and as streams.
//!
//! A stream has no queue of its own: it reads pages from the store at the speed of its client, so its memory is one
//! page whatever the chain does. A client that had caught up and then takes too little is told `lagged` and moved to
//! the head; one that reads history is never skipped.
//!
//! Pages are read in turns (see `lanes`), one a turn, so that no reader holds up another for longer than a page takes.

use crate::backend::Backend;
use crate::lanes::Work;
use wattle_primitives::{Height, planted};
use wattle_rpc_types::event::{LagReason, Lagged, Notice};
use wattle_rpc_types::limits::{
    EVENTS_FETCH_MAX, EVENTS_SCAN_MAX, LIST_TURNS_MAX, SUBSCRIPTION_LAG_HEIGHTS_MAX,
};
use wattle_rpc_types::params::Params;
use wattle_rpc_types::{
    At, EventFilter, EventItem, EventList, EventPage, EventPosition, RpcError, RpcResult,
};

/// A page of `event_list` in the making: at most [`EVENTS_SCAN_MAX`] events are looked at, in as many turns as it
/// takes.
pub(crate) struct List {
    head: Height,
    next: EventPosition,
    filter: EventFilter,
    wanted: usize,
    items: Vec<EventItem>,
    scanned: usize,
    turns: usize,
}

impl List {
    /// The page that the parameters ask for, with nothing in it yet.
    pub(crate) fn asked(backend: &dyn Backend, params: &Params) -> RpcResult<Self> {
        let (page, filter) = (params.page()?, params.filter()?);
        let next = match &page.cursor {
            Some(cursor) => EventPosition::from_cursor(cursor)?,
            None => EventPosition { height: params.opt("fromHeight")?.unwrap_or_default(), index: 0 },
        };
        let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let head = *backend.subscribe_heights().borrow();
        Ok(Self { head, next, filter, wanted, items: Vec::new(), scanned: 0, turns: 0 })
    }

    /// Whether there is no more to look at for this page.
    pub(crate) fn is_whole(&self) -> bool {
        self.next.height > self.head
            || self.items.len() >= self.wanted
            || self.scanned >= EVENTS_SCAN_MAX
            || self.turns >= LIST_TURNS_MAX
    }

    /// Reads on, for one turn. Blocking.
    pub(crate) fn read(mut self, backend: &dyn Backend) -> RpcResult<Self> {
        let part = fetch(backend, self.next)?;
        self.turns = self.turns.saturating_add(1);
        self.next = part.next;
        for item in part.items {
            self.scanned = self.scanned.saturating_add(1);
            if self.items.len() == self.wanted {
                self.next = item.position;
                break;
            }
            if self.filter.matches(&item) {
                self.items.push(item);
            }
        }
        Ok(self)
    }

    pub(crate) fn answer(self) -> EventList {
        EventList {
            at: At::finalized(self.head),
            items: self.items,
            next_cursor: self.next.to_cursor(),
            truncated: self.next.height <= self.head,
        }
    }
}

/// One page; an answer that leads nowhere is the node's fault and must not become a loop here.
fn fetch(backend: &dyn Backend, from: EventPosition) -> RpcResult<EventPage> {
    let page = backend.events(from, EVENTS_FETCH_MAX)?;
    if page.next <= from {
        return Err(RpcError::internal("the event index does not advance"));
    }
    Ok(page)
}

/// Outcome of a turn.
pub(crate) enum Step {
    /// Send these, then go on.
    Send(Vec<Notice>),
    /// Send this and end.
    End(Notice),
}

/// Place and state of a stream.
pub(crate) struct Stream {
    next: EventPosition,
    filter: EventFilter,
    /// The client had everything at some time, so that a distance is its own doing.
    live: bool,
    /// The client kept the stream waiting since it was last live.
    held_up: bool,
}

impl Stream {
    pub(crate) fn new(from: Option<Height>, filter: EventFilter, head: Height) -> Self {
        let height = from.unwrap_or(head.next());
        Self { next: EventPosition { height, index: 0 }, filter, live: height > head, held_up: false }
    }

    /// The client was not ready to take a notice at once.
    pub(crate) const fn held_up(&mut self) {
        self.held_up = true;
    }

    /// Whether all that is final was read.
    pub(crate) fn has_all(&mut self, head: Height) -> bool {
        let all = self.next.height > head;
        if all {
            self.live = true;
            self.held_up = false;
        }
        all
    }

    /// Work of its next turn.
    pub(crate) const fn work(&self) -> Work {
        if self.live { Work::New } else { Work::History }
    }

    /// Reads on, for one turn. Blocking.
    pub(crate) fn step(&mut self, backend: &dyn Backend, head: Height) -> Step {
        let behind = head.saturating_sub(self.next.height).0;
        if self.live && self.held_up && behind > SUBSCRIPTION_LAG_HEIGHTS_MAX {
            self.held_up = false;
            let lagged = self.skip_to(head, LagReason::Slow);
            return Step::Send(if planted!("events-lag-silently") { Vec::new() } else { vec![lagged] });
        }
        match fetch(backend, self.next) {
            Ok(page) => {
                self.next = page.next;
                let matching = page.items.into_iter().filter(|item| self.filter.matches(item));
                Step::Send(matching.map(|item| Notice::Event(Box::new(item))).collect())
            }
            Err(RpcError::Pruned { horizon }) if horizon > self.next.height => {
                Step::Send(vec![self.skip_to(horizon, LagReason::Pruned)])
            }
            Err(error) => {
                let error = serde_json::to_value(error.to_object()).unwrap_or_default();
                Step::End(Notice::Failed { error })
            }
        }
    }

    fn skip_to(&mut self, height: Height, reason: LagReason) -> Notice {
        let missed = std::mem::replace(&mut self.next, EventPosition { height, index: 0 });
        Notice::Lagged {
            lagged: Lagged {
                missed_from: missed.height,
                missed_from_index: missed.index,
                resumed_at: height,
                reason,
            },
        }
    }
}
