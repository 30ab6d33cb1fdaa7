//! Peers that mean harm, against nodes in processes of their own.
//!
//! Timings and memory are printed as figures; of them only memory is bounded by an assertion, and what a peer must
//! never be able to cause: a crash, a standstill, a false block.

mod attacker;
mod flood;
mod protocols;
mod sync;

use crate::chain::Rpc;
use crate::network::Node;
use serde_json::{Value, json};

/// Most that a node's memory may grow under attack, in bytes.
const GROWTH_MAX: u64 = 64 * 1024 * 1024;

/// Resident memory of a node's process, in bytes.
fn resident(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// A node's peers, as it tells.
fn peers(node: &Node) -> Vec<Value> {
    // A client of its own: a connection that was idle for a while may be closed.
    Rpc::new(&node.url).ask("node_peers", json!({}))["peers"].as_array().unwrap().clone()
}

/// Bans in force on a node for this reason.
fn bans(node: &Node, reason: &str) -> usize {
    peers(node).iter().filter(|peer| peer["ban"]["reason"] == reason).count()
}

/// Validators that a node is connected with.
pub(crate) fn validators(node: &Node) -> usize {
    peers(node).iter().filter(|peer| peer["connected"] == true && peer["validator"].is_string()).count()
}

fn mib(bytes: u64) -> f64 {
    let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
    f64::from(kib) / 1024.0
}

/// Asserts that no node has panicked, by its log.
fn nobody_panicked(homes: &[std::path::PathBuf]) {
    for home in homes {
        let log = std::fs::read_to_string(home.join("log")).unwrap();
        assert!(!log.contains("panicked"), "{log}");
    }
}
