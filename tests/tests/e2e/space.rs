//! A disk that runs full, and has room again.

use crate::chain::number;
use crate::load::Load;
use crate::network::{Network, Node, block, same_chain};
use crate::process::{PATIENCE, until, wattle_json};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use wattle_node::home::Home;

/// Bytes of the small disk. RocksDB allocates its log in advance.
const DISK_BYTES: u64 = 96 << 20;
/// Bytes that the node is to keep free.
const RESERVE_BYTES: u64 = 24 << 20;
/// Blocks that must become final meanwhile.
const BLOCKS: u64 = 12;
/// Blocks under way when the node begins to hold back.
const UNDER_WAY: u64 = 6;
/// Exit code of a node whose disk is full.
const EXIT_DISK_FULL: i32 = 75;

/// A small file system in memory, for as long as it lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_BYTES}");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "wattle-test"]).arg(dir.path());
        let done = command.output().ok()?;
        done.status.success().then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> u64 {
        let found = rustix::fs::statvfs(self.path()).unwrap();
        found.f_bavail * found.f_frsize
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes room until no more than `left` bytes are free.
    fn fill(&self, left: u64) {
        use std::io::Write as _;
        let mut ballast = std::fs::File::options().create(true).append(true).open(self.ballast()).unwrap();
        loop {
            let room = self.free().saturating_sub(left).min(1 << 20);
            // The node may take at the same moment the room that is missing here.
            if room == 0 || ballast.write_all(&vec![0x5a; usize::try_from(room).unwrap()]).is_err() {
                return;
            }
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status(); // nothing more can be done
    }
}

fn is_low(node: &Node) -> bool {
    node.reasons("/ready").contains(&"low_disk_space".to_owned())
}

/// How many of these heights this validator proposed.
fn proposed(node: &Node, by: &str, heights: std::ops::RangeInclusive<u64>) -> usize {
    let header = |height: u64| {
        let block = node.rpc.ask("chain_getBlock", json!({ "height": height.to_string() }));
        block["header"]["proposer"].as_str().unwrap().to_owned()
    };
    heights.filter(|height| header(*height) == by).count()
}

/// Goal: short of room a node holds back and goes on by itself; without any it ends cleanly, and has everything again.
#[test]
fn a_full_disk_stops_a_node_and_costs_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        // Not by a macro: what a passing test prints is not shown.
        let said = "SKIPPED: a full disk cannot be tested here, since this process may not mount a tmpfs\n";
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        return;
    };
    let mut network = Network::lay_out(&["--meters", "0"]);
    let home = disk.path().join("v0");
    let copied = Command::new("cp").arg("-a").args([&network.homes[0], &home]).status().unwrap();
    assert!(copied.success());
    network.homes[0] = home;
    let home = Home::new(&network.homes[0]);
    let mut config = home.config().unwrap();
    config.storage.reserve_bytes = RESERVE_BYTES;
    home.write_config(&config).unwrap();
    let key = home.validator().unwrap().unwrap().to_string();
    let mut nodes = network.start();
    let load = Load::start(&network.path(), network.chain, nodes.iter().map(|n| n.url.clone()).collect());
    until("v0 leads now and then", PATIENCE, || {
        let to = nodes[0].reaches(BLOCKS);
        (proposed(&nodes[0], &key, 1..=to) > 0).then_some(())
    });

    disk.fill(RESERVE_BYTES / 2);
    until("the node notices", PATIENCE, || is_low(&nodes[0]).then_some(()));
    let refused = nodes[0].rpc.call("tx_submit", json!({ "txHex": some_transfer(&network) })).unwrap_err();
    assert_eq!(refused.code(), "unavailable", "{refused}");
    let from = nodes[1].reaches(0) + UNDER_WAY;
    let to = nodes[1].reaches(from + BLOCKS);
    nodes[0].reaches(to); // what the others finalize is stored here, too
    assert_eq!(proposed(&nodes[1], &key, from..=to), 0, "v0 proposes nothing while it is short of room");

    disk.make_room();
    until("the node takes part again", PATIENCE, || (!is_low(&nodes[0])).then_some(()));
    let from = nodes[1].reaches(0);
    until("the node proposes again", PATIENCE, || {
        let to = nodes[1].reaches(from + BLOCKS);
        (proposed(&nodes[1], &key, from..=to) > 0).then_some(())
    });

    disk.fill(0);
    let status = nodes[0].process.wait(PATIENCE);
    assert_eq!(status.code(), Some(EXIT_DISK_FULL), "{status}\n{}", nodes[0].process.log_tail());
    load.moved(0, None);
    let height = nodes[1].reaches(0);
    nodes[1].reaches(height + BLOCKS);
    disk.make_room();
    nodes[0] = Node::start(&network.homes[0]);
    load.moved(0, Some(nodes[0].url.clone()));
    let height = nodes[1].reaches(0);
    nodes[0].reaches(height + BLOCKS);
    let ids = load.stop();
    let top = nodes.iter().map(|node| node.reaches(0)).max().unwrap();
    nodes.iter().for_each(|node| _ = node.reaches(top));
    same_chain(&nodes.iter().collect::<Vec<_>>(), 1);
    assert!(ids.iter().all(|id| nodes[0].rpc.is_final(id)), "everything that was final is final here");
    let hash = block(&nodes[0], top).0;
    nodes.into_iter().for_each(|node| node.process.stop());
    let found = wattle_json(["doctor", "--home", network.homes[0].to_str().unwrap()]);
    assert!(found["ok"] == true && number(&found["height"]) >= top, "{found}");
    println!("{} transfers final at height {top}, {hash}", ids.len());
}

fn some_transfer(network: &Network) -> String {
    use crate::chain::{Wallet, tx_hex};
    let mut wallet = Wallet::open(&network.path(), "carol", 1);
    let to = wallet.address;
    tx_hex(&wallet.transfer(network.chain, to, 1))
}
