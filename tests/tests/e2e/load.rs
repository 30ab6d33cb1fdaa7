//! Transfers without end, and a record of every one that a node has called final.

use crate::chain::{Rpc, Wallet, tx_hex};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use wattle_primitives::{Hash, Tx};

/// Transfers that a sender has under way at once.
const BATCH: usize = 12;
/// Between two looks at transfers under way.
const POLL: Duration = Duration::from_millis(30);
/// Looks after which what is not final is sent again, to all: the node that had it may be gone.
const RESEND_LOOKS: usize = 40;

/// A network under load, and what was learned of it.
#[derive(Default)]
struct Board {
    /// Where the nodes are now; `None` while one is down.
    urls: Mutex<Vec<Option<String>>>,
    /// Nodes, by position, that have called a transfer final.
    finals: Mutex<BTreeMap<Hash, Vec<usize>>>,
    stop: AtomicBool,
}

/// Senders at work.
pub(crate) struct Load {
    board: Arc<Board>,
    senders: Vec<JoinHandle<()>>,
}

impl Load {
    /// Sends from `alice` to `bob` and the other way round, over all nodes. Nodes may come and go.
    pub(crate) fn start(dir: &Path, chain: Hash, urls: Vec<String>) -> Self {
        let board =
            Arc::new(Board { urls: Mutex::new(urls.into_iter().map(Some).collect()), ..Board::default() });
        let senders = ["alice", "bob"].map(|name| {
            let wallet = Wallet::open(dir, name, 0);
            let other = Wallet::open(dir, if name == "alice" { "bob" } else { "alice" }, 0).address;
            let board = Arc::clone(&board);
            std::thread::spawn(move || board.send(wallet, |wallet| wallet.transfer(chain, other, 1)))
        });
        Self { board, senders: senders.into() }
    }

    /// Says where a node is now.
    pub(crate) fn moved(&self, node: usize, url: Option<String>) {
        self.board.urls.lock().unwrap()[node] = url;
    }

    /// Number of transfers that a node has called final.
    pub(crate) fn count(&self) -> usize {
        self.board.finals.lock().unwrap().len()
    }

    /// Ends the senders: the ids of all transfers that a node has called final.
    pub(crate) fn stop(self) -> Vec<Hash> {
        self.board.stop.store(true, Ordering::Relaxed);
        for sender in self.senders {
            sender.join().unwrap();
        }
        let finals = self.board.finals.lock().unwrap();
        assert!(finals.values().all(|nodes| !nodes.is_empty()));
        finals.keys().copied().collect()
    }

    /// The ids so far.
    pub(crate) fn finals(&self) -> Vec<Hash> {
        self.board.finals.lock().unwrap().keys().copied().collect()
    }
}

impl Board {
    fn send(&self, mut wallet: Wallet, next: impl Fn(&mut Wallet) -> Tx) {
        let mut clients: Vec<Option<(String, Rpc)>> = Vec::new();
        let mut waiting: Vec<Tx> = Vec::new();
        let mut looks = 0;
        while !self.stop.load(Ordering::Relaxed) {
            self.refresh(&mut clients);
            let fresh: Vec<Tx> = (waiting.len()..BATCH).map(|_| next(&mut wallet)).collect();
            for (i, tx) in fresh.iter().enumerate() {
                let some = clients.iter().flatten().count().max(1);
                if let Some((_, rpc)) = clients.iter().flatten().nth(i % some) {
                    submit(rpc, tx);
                }
            }
            waiting.extend(fresh);
            looks += 1;
            if looks % RESEND_LOOKS == 0 {
                let pairs =
                    clients.iter().flatten().flat_map(|client| waiting.iter().map(move |tx| (client, tx)));
                pairs.for_each(|((_, rpc), tx)| submit(rpc, tx));
            }
            std::thread::sleep(POLL);
            waiting.retain(|tx| !self.look(&clients, &tx.id()));
        }
    }

    /// Asks every node for a transfer and keeps the answer; whether anybody calls it final.
    fn look(&self, clients: &[Option<(String, Rpc)>], id: &Hash) -> bool {
        let nodes = clients.iter().enumerate().filter_map(|(i, client)| Some((i, client.as_ref()?)));
        // The first that calls it final is enough: what one node promises, all must keep.
        let found = nodes.into_iter().find(|(_, (_, rpc))| rpc.is_final(id)).map(|(i, _)| i);
        if let Some(node) = found {
            self.finals.lock().unwrap().entry(*id).or_default().push(node);
        }
        found.is_some()
    }

    fn refresh(&self, clients: &mut Vec<Option<(String, Rpc)>>) {
        let urls = self.urls.lock().unwrap().clone();
        clients.resize_with(urls.len(), || None);
        for (client, url) in clients.iter_mut().zip(urls) {
            let same = client.as_ref().map(|(at, _)| at) == url.as_ref();
            if !same {
                *client = url.map(|url| (url.clone(), Rpc::hasty(&url)));
            }
        }
    }
}

/// Any failure is part of the test: the transfer is sent again later.
fn submit(rpc: &Rpc, tx: &Tx) {
    let _ = rpc.call("tx_submit", json!({ "txHex": tx_hex(tx) }));
}
