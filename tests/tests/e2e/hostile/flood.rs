//! Ten thousand invalid gossip messages a second, from identities that are made anew as fast as they are banned.

use super::attacker::{Attacker, Target, publication};
use super::{GROWTH_MAX, bans, mib, nobody_panicked, resident};
use crate::chain::{Rpc, Wallet, number, tx_hex};
use crate::network::{Network, Node, same_chain};
use crate::process::{PATIENCE, until};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wattle_p2p::wire::Gossip;
use wattle_primitives::{BoundedVec, Signature, Tx, encode};

/// How long each phase lasts: first undisturbed, then under attack.
const PHASE: Duration = Duration::from_secs(10);
/// Messages a second of each attacker; there is one for each validator.
const RATE: u64 = 2_500;
/// Least messages in one write.
const BURST: u64 = 25;
/// Most messages in one write.
const BURST_MAX: u64 = 2_000;

/// Deeds of the attackers.
#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    sent: AtomicU64,
    identities: AtomicU64,
    /// Longest time from an identity's first message to the end of its connection, microseconds.
    longest_us: AtomicU64,
}

/// An honest client's figures in one phase.
struct Phase {
    block_ms: f64,
    submit_ms: Vec<f64>,
    final_ms: Vec<f64>,
}

/// Goal: blocks and honest clients go on, memory stays, and whoever sends the messages is banned.
#[test]
fn ten_thousand_invalid_gossip_messages_a_second_are_shrugged_off() {
    let network = Network::lay_out(&["--meters", "0"]);
    let nodes = network.start();
    let dir = network.path();
    let alice = Wallet::open(&dir, "alice", 0);
    let bob = Wallet::open(&dir, "bob", 0).address;
    let mut client = Client { rpc: Rpc::new(&nodes[0].url), wallet: alice, to: bob, chain: network.chain };
    client.phase(Duration::from_secs(2)); // warm
    let quiet = client.phase(PHASE);
    let before: Vec<u64> = nodes.iter().map(resident).collect();

    let tally = Arc::new(Tally::default());
    let targets: Vec<Target> = network.peers.iter().map(|p| Target::new(p, network.chain)).collect();
    let junk = Wallet::open(&dir, "alice", 1).transfer(network.chain, bob, 1);
    let attack = start(&tally, targets, junk);
    let stormy = client.phase(PHASE);
    let banned = until("somebody is banned", PATIENCE, || {
        let banned: usize = nodes.iter().map(|node| bans(node, "gossip")).sum();
        (banned > 0).then_some(banned)
    });
    let growth = nodes.iter().zip(&before).map(|(node, before)| resident(node).saturating_sub(*before)).max();
    tally.stop.store(true, Ordering::Relaxed);
    attack.join().unwrap();
    report(&quiet, &stormy, &tally, growth.unwrap());

    println!("bans in force: {banned}, reason gossip");
    assert!(tally.sent.load(Ordering::Relaxed) > 0);
    assert!(growth.unwrap() <= GROWTH_MAX, "memory grew by {growth:?} bytes");
    let refs: Vec<&Node> = nodes.iter().collect();
    let height = client.height();
    nodes[0].reaches(height + 2);
    same_chain(&refs, height);
    nobody_panicked(&network.homes);
    nodes.into_iter().for_each(|node| node.process.stop());
}

struct Client {
    rpc: Rpc,
    wallet: Wallet,
    to: wattle_primitives::Address,
    chain: wattle_primitives::Hash,
}

impl Client {
    /// Pays again and again, and waits for each payment to be final.
    fn phase(&mut self, lasts: Duration) -> Phase {
        let (begun, from) = (Instant::now(), self.height());
        let (mut submit_ms, mut final_ms) = (Vec::new(), Vec::new());
        while begun.elapsed() < lasts {
            let tx = self.wallet.transfer(self.chain, self.to, 1);
            let sent = Instant::now();
            self.rpc.ask("tx_submit", json!({ "txHex": tx_hex(&tx) }));
            submit_ms.push(sent.elapsed().as_secs_f64() * 1e3);
            let id = tx.id();
            until("a payment is final", PATIENCE, || self.rpc.is_final(&id).then_some(()));
            final_ms.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        let blocks = self.height() - from;
        let block_ms = begun.elapsed().as_secs_f64() * 1e3 / f64::from(u32::try_from(blocks.max(1)).unwrap());
        Phase { block_ms, submit_ms, final_ms }
    }

    fn height(&self) -> u64 {
        number(&self.rpc.ask("chain_status", json!({}))["height"])
    }
}

/// Starts an attacker for each validator, on a thread of their own.
fn start(tally: &Arc<Tally>, targets: Vec<Target>, junk: Tx) -> std::thread::JoinHandle<()> {
    let tally = Arc::clone(tally);
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let attacks = targets.into_iter().map(|target| attack(Arc::clone(&tally), target, junk.clone()));
        runtime.block_on(futures::future::join_all(attacks));
    })
}

async fn attack(tally: Arc<Tally>, target: Target, junk: Tx) {
    let begun = Instant::now();
    let mut sent = 0u64;
    while !tally.stop.load(Ordering::Relaxed) {
        let mut attacker = Attacker::connect(&target);
        let name = target.protocol("gossip/1.1.0");
        let opened = if attacker.greet().await { attacker.open(&name).await } else { None };
        let Some(mut stream) = opened else { continue };
        tally.identities.fetch_add(1, Ordering::Relaxed);
        let first = Instant::now();
        loop {
            let due = u64::try_from(begun.elapsed().as_millis()).unwrap() * RATE / 1000;
            if due < sent + BURST {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // Messages that could not be sent while there was no connection are made up for. No message is sent twice:
            // one that was seen already would not even be looked at.
            let count = due.saturating_sub(sent).clamp(BURST, BURST_MAX);
            let burst: Vec<u8> = (sent..sent + count).flat_map(|n| message(&target, &junk, n)).collect();
            sent += count;
            tally.sent.fetch_add(count, Ordering::Relaxed);
            if tally.stop.load(Ordering::Relaxed) || !Attacker::write(&mut stream, &burst).await {
                break;
            }
        }
        let lasted = u64::try_from(first.elapsed().as_micros()).unwrap();
        if !tally.stop.load(Ordering::Relaxed) {
            tally.longest_us.fetch_max(lasted, Ordering::Relaxed);
        }
    }
}

/// In turn: bytes that are no message, and a transaction with a signature that is none.
fn message(target: &Target, junk: &Tx, number: u64) -> Vec<u8> {
    let topic = target.protocol("txs/1");
    if number.is_multiple_of(2) {
        return publication(&topic, &[&[0xff; 120][..], &number.to_le_bytes()].concat());
    }
    let mut auths = junk.auths().to_vec();
    let mut signature = [7; 64];
    signature[..8].copy_from_slice(&number.to_le_bytes());
    auths[0].signature = Signature(signature);
    let tx = Tx::new(junk.body().clone(), auths).unwrap();
    publication(&topic, &encode(&Gossip::Txs(BoundedVec::new(vec![tx]).unwrap())))
}

fn report(quiet: &Phase, stormy: &Phase, tally: &Tally, growth: u64) {
    let seconds = PHASE.as_secs();
    let sent = tally.sent.load(Ordering::Relaxed);
    println!(
        "invalid gossip: {sent} messages in {seconds} s by {} identities",
        tally.identities.load(Ordering::Relaxed)
    );
    let longest = Duration::from_micros(tally.longest_us.load(Ordering::Relaxed));
    println!("longest from an identity's first message to the end of its connection: {longest:?}");
    println!("block time: {:.0} ms undisturbed, {:.0} ms under attack", quiet.block_ms, stormy.block_ms);
    for (what, quiet, stormy) in
        [("submit", &quiet.submit_ms, &stormy.submit_ms), ("final", &quiet.final_ms, &stormy.final_ms)]
    {
        let (a, b) = (percentiles(quiet), percentiles(stormy));
        println!(
            "{what} p50/p99: {:.1}/{:.1} ms undisturbed, {:.1}/{:.1} ms under attack",
            a.0, a.1, b.0, b.1
        );
    }
    println!("memory growth of a node, at most: {:.1} MiB", mib(growth));
}

fn percentiles(times: &[f64]) -> (f64, f64) {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at =
        |percent: usize| sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0.0);
    (at(50), at(99))
}
