//! A real validator under attack by clients of its interface: what each gets told, and what honest clients notice.
//!
//! Four validators in processes of their own; the first is attacked while an honest client pays over it. Latencies,
//! block times and memory are printed, undisturbed and under each attack, in one run:
//!
//! ```sh
//! cargo test --release -p wattle-tests --test hostile_rpc -- --nocapture
//! cargo test --release -p wattle-tests --test hostile_rpc -- --nocapture --ignored   # asserts 100 ms
//! ```
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../e2e/chain.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod chain;
#[path = "../e2e/network.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod network;
#[path = "../e2e/process.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod process;

mod attacks;
mod honest;
mod raw;
mod txs;

use honest::Honest;
use network::Network;
use std::time::{Duration, Instant};

/// How long the honest client is watched undisturbed, and at least under each attack.
const WATCH: Duration = Duration::from_millis(2_000);
/// Most that the attacked process may grow by, bytes. The limits add up to more: 64 MiB each for large bodies and large
/// answers, 64 MiB of small answers, 16 MiB of small bodies, 48 MiB of WebSocket messages; no attack here reaches
/// all of them at once, and the node itself grows a little by working.
const GROWTH_MAX: u64 = 256 << 20;

/// Goal: every abuse gets its typed refusal, honest clients are all served, blocks go on, memory stays bounded.
#[test]
fn a_node_serves_honest_clients_under_attack() {
    let network = Network::lay_out(&["--meters", "0"]);
    let nodes = network.start();
    let target = raw::Target::new(&nodes[0].url);
    let honest = Honest::start(&network.path(), network.chain, &nodes[0].url, &nodes[1].url);
    honest.warm_up();
    let memory = || resident_bytes(nodes[0].process.id());
    let quiet = honest.watch("undisturbed", || std::thread::sleep(WATCH));
    println!("{quiet}");
    let before = memory();
    let mut most = before;
    for (name, attack) in attacks::ALL {
        let begun = Instant::now();
        let seen = honest.watch(name, || {
            attack(&target);
            std::thread::sleep(WATCH.saturating_sub(begun.elapsed()));
        });
        most = most.max(memory());
        println!("{seen}   rss {} MiB", memory() >> 20);
    }
    let after = honest.watch("afterwards", || std::thread::sleep(WATCH));
    println!("{after}");
    println!(
        "rss: {} MiB before, at most {} MiB, {} MiB afterwards",
        before >> 20,
        most >> 20,
        memory() >> 20
    );
    assert!(honest.stop() > 0, "nothing was paid");
    assert!(most.saturating_sub(before) < GROWTH_MAX, "grew from {before} to {most} bytes");
    attacks::assert_counted(&target);
    txs::assert_refused(&network, &nodes[0].url);
    nodes.into_iter().for_each(|node| node.process.stop());
}

/// Goal: an honest client is answered within 100 ms, 99 times of 100, beside 512 subscriptions that read all of
/// history.
#[test]
#[ignore = "asserts a time: for a machine that has nothing else to do"]
fn an_honest_client_is_answered_within_100_ms_beside_512_scanners() {
    let network = Network::lay_out(&["--meters", "0"]);
    let nodes = network.start();
    let target = raw::Target::new(&nodes[0].url);
    let honest = Honest::start(&network.path(), network.chain, &nodes[0].url, &nodes[1].url);
    honest.warm_up();
    println!("{}", honest.watch("a history is made", || std::thread::sleep(10 * WATCH)));
    let seen = honest.watch("512 scanners", || (0..5).for_each(|_| attacks::scanners(&target)));
    println!("{seen}");
    assert!(honest.stop() > 0 && seen.p99 <= Duration::from_millis(100), "{seen}");
    nodes.into_iter().for_each(|node| node.process.stop());
}

/// Resident memory of a process, as Linux tells it.
fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}
