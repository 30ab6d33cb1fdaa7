//! A client that means well: reads and pays, each on a connection of its own, and notes how long everything takes.

use crate::chain::{Rpc, Wallet, tx_hex};
use serde_json::json;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use wattle_primitives::Hash;

/// Between two rounds of requests.
const PAUSE: Duration = Duration::from_millis(15);
/// How long payments may take to become final once the attacks are over.
const SETTLE: Duration = Duration::from_secs(60);

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

/// What was seen while something went on.
pub(crate) struct Seen {
    name: String,
    requests: usize,
    p50: Duration,
    p99: Duration,
    block: Duration,
}

/// The whole story.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) failures: Vec<String>,
    pub(crate) payments: usize,
    pub(crate) finals: usize,
}

impl Honest {
    pub(crate) fn start(dir: &Path, chain: Hash, url: &str, other: &str) -> Self {
        let notes = Arc::new(Notes::default());
        let (shared, url) = (Arc::clone(&notes), url.to_owned());
        let mut alice = Wallet::open(dir, "alice", 0);
        let bob = Wallet::open(dir, "bob", 0).address;
        let worker = std::thread::spawn(move || {
            while !shared.stop.load(Ordering::Relaxed) {
                let rpc = Rpc::new(&url); // a new connection each time: the hardest to be served
                shared.timed("chain_status", || rpc.call("chain_status", json!({})));
                shared.timed("account_get", || rpc.call("account_get", json!({ "address": bob })));
                let tx = alice.transfer(chain, bob, 1);
                let sent = json!({ "txHex": tx_hex(&tx) });
                shared.timed("tx_submit", || rpc.call("tx_submit", sent));
                shared.ids.lock().unwrap().push(tx.id());
                std::thread::sleep(PAUSE);
            }
        });
        Self { notes, worker, other: Rpc::new(other) }
    }

    /// Waits until payments become final.
    pub(crate) fn warm_up(&self) {
        crate::process::until("a payment is final", crate::process::PATIENCE, || {
            let first = self.notes.ids.lock().unwrap().first().copied()?;
            self.other.is_final(&first).then_some(())
        });
    }

    /// What the client sees while `action` runs.
    pub(crate) fn watch(&self, name: &str, action: impl FnOnce()) -> Seen {
        self.notes.latencies.lock().unwrap().clear();
        let (begun, from) = (Instant::now(), self.other.height().unwrap());
        action();
        let (took, to) = (begun.elapsed(), self.other.height().unwrap());
        let mut latencies = std::mem::take(&mut *self.notes.latencies.lock().unwrap());
        latencies.sort_unstable();
        let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
        let blocks = u32::try_from(to - from).unwrap();
        assert!(blocks > 0, "{name}: no block in {took:?}");
        assert!(!latencies.is_empty(), "{name}: no answer in {took:?}");
        let (p50, p99) = (at(50), at(99));
        Seen { name: name.to_owned(), requests: latencies.len(), p50, p99, block: took / blocks }
    }

    /// Ends the client and waits for its payments.
    pub(crate) fn stop(self) -> Ended {
        self.notes.stop.store(true, Ordering::Relaxed);
        self.worker.join().unwrap();
        let ids = std::mem::take(&mut *self.notes.ids.lock().unwrap());
        let failures = std::mem::take(&mut *self.notes.failures.lock().unwrap());
        let begun = Instant::now();
        let mut finals = 0;
        for id in &ids {
            while !self.other.is_final(id) && begun.elapsed() < SETTLE {
                std::thread::sleep(PAUSE);
            }
            finals += usize::from(self.other.is_final(id));
        }
        Ended { failures, payments: ids.len(), finals }
    }
}

impl Notes {
    fn timed<T, E: fmt::Display>(&self, what: &str, call: impl FnOnce() -> Result<T, E>) {
        let begun = Instant::now();
        match call() {
            Ok(_) => self.latencies.lock().unwrap().push(begun.elapsed()),
            Err(error) => self.failures.lock().unwrap().push(format!("{what}: {error}")),
        }
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
