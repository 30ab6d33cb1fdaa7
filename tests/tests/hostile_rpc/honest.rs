//! A client that means well: reads and pays, each on a connection of its own, and notes how long everything takes.

use crate::chain::{Rpc, Wallet, tx_hex};
use crate::process::{PATIENCE, until};
use serde_json::json;
use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use wattle_primitives::Hash;

/// Between two rounds of requests.
const PAUSE: Duration = Duration::from_millis(15);
/// Payments under way at once: fewer than the nonces that a node holds ahead, however slow blocks are.
const UNDER_WAY_MAX: usize = 128;

#[derive(Default)]
struct Notes {
    latencies: Mutex<Vec<Duration>>,
    failures: Mutex<Vec<String>>,
    ids: Mutex<Vec<Hash>>,
    stop: AtomicBool,
}

/// The client at work.
pub(crate) struct Honest {
    notes: Arc<Notes>,
    worker: JoinHandle<()>,
    /// Another validator, by which blocks are counted.
    other: Rpc,
}

/// Figures of one stretch of time.
pub(crate) struct Seen {
    name: String,
    requests: usize,
    p50: Duration,
    pub(crate) p99: Duration,
    block: Duration,
}

impl Honest {
    pub(crate) fn start(dir: &Path, chain: Hash, url: &str, other: &str) -> Self {
        let notes = Arc::new(Notes::default());
        let (shared, url) = (Arc::clone(&notes), url.to_owned());
        let mut alice = Wallet::open(dir, "alice", 0);
        let bob = Wallet::open(dir, "bob", 0).address;
        let worker = std::thread::spawn(move || {
            let mut under_way = VecDeque::new();
            while !shared.stop.load(Ordering::Relaxed) {
                let rpc = Rpc::new(&url); // a new connection each time: the hardest to be served
                if under_way.len() == UNDER_WAY_MAX {
                    let oldest = under_way.pop_front().unwrap();
                    until("an older payment is final", PATIENCE, || rpc.is_final(&oldest).then_some(()));
                }
                shared.timed("chain_status", || rpc.call("chain_status", json!({})));
                shared.timed("account_get", || rpc.call("account_get", json!({ "address": bob })));
                let tx = alice.transfer(chain, bob, 1);
                let sent = json!({ "txHex": tx_hex(&tx) });
                if shared.timed("tx_submit", || rpc.call("tx_submit", sent)) {
                    shared.ids.lock().unwrap().push(tx.id());
                    under_way.push_back(tx.id());
                }
                std::thread::sleep(PAUSE);
            }
        });
        Self { notes, worker, other: Rpc::new(other) }
    }

    /// Waits until payments become final.
    pub(crate) fn warm_up(&self) {
        until("a payment is final", PATIENCE, || {
            let first = self.notes.ids.lock().unwrap().first().copied()?;
            self.other.is_final(&first).then_some(())
        });
    }

    /// Figures while `action` runs, and on until there are some.
    pub(crate) fn watch(&self, name: &str, action: impl FnOnce()) -> Seen {
        self.notes.latencies.lock().unwrap().clear();
        let height = || until("a height is told", PATIENCE, || self.other.height());
        let (begun, from) = (Instant::now(), height());
        action();
        let to = until(&format!("{name}: a block"), PATIENCE, || Some(height()).filter(|to| *to > from));
        until(&format!("{name}: an answer"), PATIENCE, || {
            (!self.notes.latencies.lock().unwrap().is_empty()).then_some(())
        });
        let took = begun.elapsed();
        let mut latencies = std::mem::take(&mut *self.notes.latencies.lock().unwrap());
        latencies.sort_unstable();
        let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
        let blocks = u32::try_from(to - from).unwrap();
        let (p50, p99) = (at(50), at(99));
        Seen { name: name.to_owned(), requests: latencies.len(), p50, p99, block: took / blocks }
    }

    /// Ends the client, which must have been served every time, and waits until its payments are final: their number.
    pub(crate) fn stop(self) -> usize {
        self.notes.stop.store(true, Ordering::Relaxed);
        self.worker.join().unwrap();
        let ids = std::mem::take(&mut *self.notes.ids.lock().unwrap());
        assert_eq!(*self.notes.failures.lock().unwrap(), Vec::<String>::new(), "honest requests failed");
        for id in &ids {
            until("a payment is final", PATIENCE, || self.other.is_final(id).then_some(()));
        }
        ids.len()
    }
}

impl Notes {
    /// Notes how long a call takes, or why it fails; whether it was answered.
    fn timed<T, E: fmt::Display>(&self, what: &str, call: impl FnOnce() -> Result<T, E>) -> bool {
        let begun = Instant::now();
        let answer = call();
        match &answer {
            Ok(_) => self.latencies.lock().unwrap().push(begun.elapsed()),
            Err(error) => self.failures.lock().unwrap().push(format!("{what}: {error}")),
        }
        answer.is_ok()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "{:<44} {:>5} requests   p50 {:>6.1} ms   p99 {:>6.1} ms   block {:>6.1} ms",
            self.name,
            self.requests,
            ms(self.p50),
            ms(self.p99),
            ms(self.block)
        )
    }
}
