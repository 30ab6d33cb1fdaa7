//! Events as pages and as streams.
//!
//! A stream has no queue of its own: it reads pages from the store at the speed of its client, so its memory is one
//! page whatever the chain does. A client that had caught up and then takes too little is told `lagged` and moved to
//! the head; one that reads history is never skipped.

use crate::backend::Backend;
use wattle_primitives::Height;
use wattle_primitives::planted;
use wattle_rpc_types::event::{LagReason, Lagged, Notice};
use wattle_rpc_types::limits::{EVENTS_FETCH_MAX, EVENTS_SCAN_MAX, SUBSCRIPTION_LAG_HEIGHTS_MAX};
use wattle_rpc_types::params::Params;
use wattle_rpc_types::{At, EventFilter, EventList, EventPage, EventPosition, RpcError, RpcResult};

/// Runs `event_list`: at most [`EVENTS_SCAN_MAX`] events are looked at.
pub(crate) fn list(backend: &dyn Backend, params: &Params) -> RpcResult<EventList> {
    let (page, filter) = (params.page()?, params.filter()?);
    let head = *backend.subscribe_heights().borrow();
    let mut next = match &page.cursor {
        Some(cursor) => EventPosition::from_cursor(cursor)?,
        None => EventPosition { height: params.opt("fromHeight")?.unwrap_or_default(), index: 0 },
    };
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let (mut items, mut scanned, mut pages) = (Vec::new(), 0usize, 0usize);
    while next.height <= head && items.len() < wanted && scanned < EVENTS_SCAN_MAX && pages < EVENTS_SCAN_MAX
    {
        let part = fetch(backend, next)?;
        pages = pages.saturating_add(64); // an empty page costs the store a bounded walk, too
        next = part.next;
        for item in part.items {
            scanned = scanned.saturating_add(1);
            if items.len() == wanted {
                next = item.position;
                break;
            }
            if filter.matches(&item) {
                items.push(item);
            }
        }
    }
    Ok(EventList {
        at: At::finalized(head),
        items,
        next_cursor: next.to_cursor(),
        truncated: next.height <= head,
    })
}

/// One page; an answer that leads nowhere is the node's fault and must not become a loop here.
fn fetch(backend: &dyn Backend, from: EventPosition) -> RpcResult<EventPage> {
    let page = backend.events(from, EVENTS_FETCH_MAX)?;
    if page.next <= from {
        return Err(RpcError::internal("the event index does not advance"));
    }
    Ok(page)
}

/// The next step of a stream.
pub(crate) enum Step {
    /// All that is final was read: wait for a height.
    Wait,
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

    /// Reads on. Blocking.
    pub(crate) fn step(&mut self, backend: &dyn Backend, head: Height) -> Step {
        if self.next.height > head {
            self.live = true;
            self.held_up = false;
            return Step::Wait;
        }
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
