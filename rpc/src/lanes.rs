//! Turns at a bounded number of threads.
//!
//! A turn is one piece of work that does not wait for the client. Who wants one waits in line by what it is for and by
//! client: kinds of work take turns, within a kind clients do, and within a client its pieces in the order in which
//! they came. So nobody waits for more than one piece of each other client, however many pieces those have waiting, and
//! a client that comes back after every piece goes to the end of the line.
//!
//! Long work has lanes of its own, lists one and events another: whatever is asked there, other calls have
//! their threads.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use wattle_primitives::planted;

/// Work of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// A call.
    Call,
    /// A call for part of a list, which may look at far more than one thing.
    Page,
    /// Events for a subscription that had everything.
    New,
    /// Events for `event_list`.
    List,
    /// Events for a subscription that reads history.
    History,
}

/// Who takes turns with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Client {
    /// All connections from an address, or from a network that one customer has.
    Address(IpAddr),
    /// A connection without an address of its own: from this machine.
    Connection(u64),
}

/// Threads, and the line for them.
pub(crate) struct Lane(Mutex<State>);

#[derive(Default)]
struct State {
    free: usize,
    /// Lines in which somebody waits.
    lines: BTreeMap<Work, Line>,
    /// Whose turn it was last.
    last: Option<Work>,
}

/// Clients in the order of their turns; each has a place in it, and somebody waiting.
#[derive(Default)]
struct Line {
    order: VecDeque<Client>,
    waiting: BTreeMap<Client, VecDeque<oneshot::Sender<Turn>>>,
}

/// A thread may be used; given back when dropped.
pub(crate) struct Turn(Option<Arc<Lane>>);

impl Lane {
    /// A lane of so many threads.
    pub(crate) fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: threads, ..State::default() })))
    }

    /// Gets in line. The turn comes through the channel; who no longer waits for it is passed over.
    pub(crate) fn queue(self: &Arc<Self>, work: Work, client: Client) -> oneshot::Receiver<Turn> {
        let (ticket, turn) = oneshot::channel();
        let mut state = self.lock();
        state.lines.entry(work).or_default().add(client, ticket);
        state.hand_out(self);
        turn
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives the free threads to those whose turn it is.
    fn hand_out(&mut self, lane: &Arc<Lane>) {
        while self.free > 0
            && let Some(ticket) = self.next()
        {
            match ticket.send(Turn(Some(Arc::clone(lane)))) {
                Ok(()) => self.free = self.free.saturating_sub(1),
                Err(mut unwanted) => unwanted.0 = None, // given back here, where the lock is held
            }
        }
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let after = |last: Work| self.lines.range((Bound::Excluded(last), Bound::Unbounded)).next();
        let work = *self.last.and_then(after).or_else(|| self.lines.iter().next())?.0;
        self.last = Some(work);
        let line = self.lines.get_mut(&work)?;
        let ticket = line.next();
        if line.order.is_empty() {
            self.lines.remove(&work);
        }
        ticket
    }
}

impl Line {
    fn add(&mut self, client: Client, ticket: oneshot::Sender<Turn>) {
        let waiting = self.waiting.entry(client).or_default();
        if waiting.is_empty() {
            self.order.push_back(client);
        }
        waiting.push_back(ticket);
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let client = self.order.pop_front()?;
        let waiting = self.waiting.get_mut(&client)?;
        let ticket = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&client);
        } else if planted!("one-client-takes-all-turns") {
            self.order.push_front(client);
        } else {
            self.order.push_back(client);
        }
        ticket
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(lane) = self.0.take() {
            let mut state = lane.lock();
            state.free = state.free.saturating_add(1);
            state.hand_out(&lane);
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
