//! Who may be connected, and who has to go when somebody else comes.
//!
//! A place costs a client nothing, so whoever holds one without using it loses it first: when all are taken, the
//! connection that has kept this node waiting longest makes room. Clients that talk are not held up by clients that
//! stall, on loopback too, where all of them have one address.
//!
//! A connection of a trusted proxy is, request by request, that of the client it asks for; between requests it is
//! nobody's.

use crate::lanes::Client;
use crate::metrics::{Metrics, Refusal};
use crate::proxy::{Named, Proxies};
use axum::http::HeaderMap;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use wattle_primitives::planted;

/// When coming again makes sense while every place is at work, in ms.
pub(crate) const PLACES_RETRY_MS: u64 = 1000;
/// How long a connection keeps its place in any case: a request needs a moment from the network to here, however many
/// others come in meanwhile.
const FRESH: Duration = Duration::from_millis(100);
/// How often it is looked whether a place has become free.
const LOOK: Duration = Duration::from_millis(5);

/// Whose turn it is on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// The client owes the rest of a request.
    Asking,
    /// The client has its answer to read, or the next request to send.
    Reading,
    /// This node works for it, or it is a WebSocket, which has limits of its own.
    Ours,
}

struct Entry {
    from: Option<IpAddr>,
    turn: Turn,
    since: Instant,
    leave: Arc<Notify>,
}

#[derive(Default)]
struct Table {
    entries: BTreeMap<u64, Entry>,
    last_id: u64,
}

/// All places of one listener.
pub(crate) struct Places {
    max: usize,
    per_address_max: usize,
    proxies: Proxies,
    table: Mutex<Table>,
    /// Connections that have not ended yet, those told to leave among them.
    live: watch::Sender<usize>,
    pub(crate) metrics: Arc<Metrics>,
}

/// One connection's place; given back when dropped.
pub(crate) struct Place {
    id: u64,
    places: Arc<Places>,
    /// Its address, when it is a trusted proxy.
    proxy: Option<IpAddr>,
    leave: Arc<Notify>,
    asked: AtomicBool,
}

impl Places {
    /// `max` places, of which one address other than loopback may have `per_address_max`; `proxies` ask for others.
    pub(crate) fn new(
        max: usize,
        per_address_max: usize,
        proxies: Proxies,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let (table, live) = (Mutex::default(), watch::Sender::new(0));
        Arc::new(Self { max, per_address_max, proxies, table, live, metrics })
    }

    /// Returns when the next newcomer displaces nobody who has only just come: at once, unless every place is taken
    /// and all that wait are fresh. Until then newcomers wait in the system's queue.
    pub(crate) async fn ripe(&self) {
        while let Some(wait) = self.fresh_for() {
            tokio::time::sleep(wait.min(LOOK)).await;
        }
    }

    fn fresh_for(&self) -> Option<Duration> {
        let table = self.lock();
        if table.entries.len() < self.max {
            return None;
        }
        let waiting = table.entries.values().filter(|entry| entry.turn != Turn::Ours);
        let longest = waiting.map(|entry| entry.since.elapsed()).max()?;
        FRESH.checked_sub(longest).filter(|wait| !wait.is_zero())
    }

    /// A place for a client at `from`, if need be that of a client that has kept this node waiting. `None` when every
    /// place is at work.
    pub(crate) fn take(self: &Arc<Self>, from: Option<IpAddr>) -> Option<Place> {
        let proxy = from.filter(|ip| self.proxies.trusts(*ip) || planted!("anybody-is-a-proxy"));
        let from = if proxy.is_some() { None } else { from.and_then(sharing) };
        let mut table = self.lock();
        if !self.has_share(&mut table, from) {
            return None;
        }
        if table.entries.len() >= self.max && !self.make_room(&mut table, |_| true) {
            self.metrics.refused(Refusal::Connections);
            return None;
        }
        table.last_id = table.last_id.saturating_add(1);
        let (id, leave) = (table.last_id, Arc::new(Notify::new()));
        let entry = Entry { from, turn: Turn::Asking, since: Instant::now(), leave: Arc::clone(&leave) };
        table.entries.insert(id, entry);
        drop(table);
        self.live.send_modify(|live| *live = live.saturating_add(1));
        self.metrics.rpc_connections.inc();
        Some(Place { id, places: Arc::clone(self), proxy, leave, asked: AtomicBool::new(false) })
    }

    /// Whether an address may have one connection more, if need be for another of its own.
    fn has_share(&self, table: &mut Table, from: Option<IpAddr>) -> bool {
        let of_address = |entry: &Entry| from.is_some() && entry.from == from;
        let crowded = table.entries.values().filter(|e| of_address(e)).count() >= self.per_address_max;
        let room = !crowded || self.make_room(table, of_address);
        if !room {
            self.metrics.refused(Refusal::Address);
        }
        room
    }

    /// Tells the one that has waited longest to leave: first among those that owe a request, and the fresh last.
    fn make_room(&self, table: &mut Table, of: impl Fn(&Entry) -> bool) -> bool {
        let waiting = table.entries.iter().filter(|(_, entry)| entry.turn != Turn::Ours && of(entry));
        let worth = |entry: &Entry| (entry.since.elapsed() < FRESH, entry.turn, entry.since);
        let Some(id) = waiting.min_by_key(|(_, entry)| worth(entry)).map(|(id, _)| *id) else {
            return false;
        };
        if let Some(entry) = table.entries.remove(&id) {
            entry.leave.notify_one();
            self.metrics.refused(Refusal::Evicted);
        }
        true
    }

    /// Returns when all connections have ended.
    pub(crate) async fn empty(&self) {
        // An error cannot be: the sender is here.
        let _ = self.live.subscribe().wait_for(|live| *live == 0).await;
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, id: u64, turn: Turn) {
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            (entry.turn, entry.since) = (turn, Instant::now());
        }
    }
}

impl Place {
    /// The headers of a request are there: the place is safe. False when the client that a proxy asks for has its share
    /// of places already.
    pub(crate) fn asked_by(&self, headers: &HeaderMap) -> bool {
        self.at_work();
        let Some(proxy) = self.proxy else { return true };
        let from = match self.places.proxies.named(headers) {
            Named::Client(address) if !is_nobodys(address) => sharing(address),
            Named::Nobody => sharing(proxy),
            // Even from this machine: who makes itself unreadable must not thereby be without a limit.
            Named::Client(_) | Named::Unreadable => {
                tracing::debug!(%proxy, "a proxy names its client in a way that cannot be read");
                self.places.metrics.rpc_unreadable_clients_total.inc();
                Some(network_of(proxy)).filter(|_| !planted!("unreadable-client-unlimited"))
            }
        };
        let mut table = self.places.lock();
        let has_share = self.places.has_share(&mut table, from);
        if has_share && let Some(entry) = table.entries.get_mut(&self.id) {
            entry.from = from;
        }
        has_share
    }

    /// Who asks, as turns are counted.
    pub(crate) fn client(&self) -> Client {
        let from = self.places.lock().entries.get(&self.id).and_then(|entry| entry.from);
        from.map_or(Client::Connection(self.id), Client::Address)
    }

    /// The rest of a request is awaited.
    pub(crate) fn asking(&self) {
        self.places.turn(self.id, Turn::Asking);
    }

    /// This node has all that it waited for: the place is safe.
    pub(crate) fn at_work(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.places.turn(self.id, Turn::Ours);
    }

    /// The answer is on its way.
    pub(crate) fn reading(&self) {
        self.places.turn(self.id, Turn::Reading);
        if self.proxy.is_some()
            && let Some(entry) = self.places.lock().entries.get_mut(&self.id)
        {
            entry.from = None;
        }
    }

    /// Whether the headers of a request have ever come.
    pub(crate) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Returns when the place was given to somebody else.
    pub(crate) async fn lost(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().entries.remove(&self.id);
        self.places.metrics.rpc_connections.dec();
        self.places.live.send_modify(|live| *live = live.saturating_sub(1));
    }
}

/// The address whose share of places a connection counts in. Programs on this machine have no limit.
fn sharing(ip: IpAddr) -> Option<IpAddr> {
    Some(ip.to_canonical()).filter(|ip| !ip.is_loopback()).map(network_of)
}

/// Whether no client comes from the address: a proxy that names it repeats what the client wrote itself.
fn is_nobodys(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    (ip.is_loopback() || ip.is_unspecified()) && !planted!("named-loopback-unlimited")
}

/// The address, or the network that one customer of an IPv6 provider has.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => std::net::Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        },
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
