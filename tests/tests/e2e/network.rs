//! Networks of separate processes, laid out by `wattle init testnet` and run by `wattle run`.

use crate::chain::{Rpc, number};
use crate::process::{PATIENCE, Process, program, until, wattle_json};
use serde_json::{Value, json};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;
use wattle_chain_spec::ChainSpec;
use wattle_node::home::Home;
use wattle_primitives::Hash;

/// Ports handed out lie below those that outgoing connections take, so that a node finds its own again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports that a test program has to itself.
const BLOCK: u16 = 400;

/// The first of `count` free ports in a row. Never the same twice in one process, nor in two that run at once: a node
/// that is down for a moment keeps its ports.
pub(crate) fn ports(count: u16) -> u16 {
    static OWN: OnceLock<(u16, File)> = OnceLock::new();
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let (start, _locked) = OWN.get_or_init(own_block);
    let span = BLOCK - count;
    for _ in 0..span {
        let first = start + NEXT.fetch_add(count, Ordering::Relaxed) % span;
        if (first..first + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return first;
        }
    }
    panic!("no {count} free ports in a row");
}

/// The first port of a block that no other test program has, and the lock that says so until this one ends.
fn own_block() -> (u16, File) {
    let dir = std::env::temp_dir().join("wattle-test-ports");
    std::fs::create_dir_all(&dir).unwrap();
    let blocks = PORTS.step_by(BLOCK.into()).map(|start| {
        let name = dir.join(start.to_string());
        (start, File::options().create(true).append(true).open(name).unwrap())
    });
    blocks
        .into_iter()
        .find(|(_, file)| file.try_lock().is_ok())
        .expect("fewer than 30 test programs run at once")
}

/// A node that runs in its own process.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) url: String,
    pub(crate) rpc: Rpc,
}

impl Node {
    /// Starts `wattle run` in a home and waits until its interface is there.
    pub(crate) fn start(home: &Path) -> Self {
        Self::start_with(home, Command::new(program("wattle")))
    }

    /// As [`Node::start`], by a command that passes its arguments on to `wattle`.
    pub(crate) fn start_with(home: &Path, command: Command) -> Self {
        Self::start_logging(home, command, "")
    }

    /// As [`Node::start_with`], with more in its log.
    pub(crate) fn start_logging(home: &Path, mut command: Command, more: &str) -> Self {
        let name = home.file_name().unwrap().to_string_lossy().into_owned();
        let log = format!("info,libp2p_gossipsub=error{more}");
        command.args(["run", "--json", "--log", &log, "--home"]).arg(home);
        let process = Process::start(&name, &mut command, &home.join("log"));
        let ready = process.event();
        assert_eq!(ready["event"], "ready", "{ready}");
        let url = ready["rpc"].as_str().unwrap().to_owned();
        Self { process, rpc: Rpc::new(&url), url }
    }

    /// The page at `/healthy`, `/ready` or `/metrics`; nothing when it does not answer.
    pub(crate) fn page(&self, name: &str) -> String {
        let url = self.url.replace("/rpc", name);
        let output = Command::new("curl").args(["--silent", "--max-time", "60", &url]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Why this page says that not all is well.
    pub(crate) fn reasons(&self, name: &str) -> Vec<String> {
        let page: Value = serde_json::from_str(&self.page(name)).unwrap_or_default();
        let reasons = page["reasons"].as_array().cloned().unwrap_or_default();
        reasons.into_iter().map(|reason| reason.as_str().unwrap().to_owned()).collect()
    }

    /// Waits for a final height of at least `height`.
    pub(crate) fn reaches(&self, height: u64) -> u64 {
        let what = format!("{} reaches height {height}", self.url);
        until(&what, PATIENCE, || self.rpc.height().filter(|at| *at >= height))
    }
}

/// A network's directory and the validators of it that run.
pub(crate) struct Network {
    pub(crate) dir: TempDir,
    pub(crate) spec: ChainSpec,
    pub(crate) chain: Hash,
    pub(crate) homes: Vec<PathBuf>,
    /// Addresses of the validators for peers.
    pub(crate) peers: Vec<String>,
}

impl Network {
    /// Lays out a network of four; `options` are those of `wattle init testnet`.
    pub(crate) fn lay_out(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let first = ports(4).to_string();
        let out = dir.path().join("net");
        let fixed =
            ["init", "testnet", "--validators", "4", "--seed", "7", "--rpc-port", "0", "--p2p-port", &first];
        let args: Vec<_> =
            fixed.iter().chain(options).copied().chain(["--out", out.to_str().unwrap()]).collect();
        let done = wattle_json(args);
        let homes: Vec<PathBuf> = (0..4).map(|i| out.join(format!("v{i}"))).collect();
        let config = |i: usize| Home::new(&homes[i]).config().unwrap();
        let mut peers: Vec<String> =
            config(1).p2p.persistent.iter().take(1).map(ToString::to_string).collect();
        peers.extend(config(0).p2p.persistent.iter().map(ToString::to_string));
        let spec = ChainSpec::load(&out.join("genesis.toml")).unwrap();
        let chain = done["genesisHash"].as_str().unwrap().parse().unwrap();
        Self { dir, spec, chain, homes, peers }
    }

    /// The directory that was laid out.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("net")
    }

    /// Starts all validators and waits for a final block.
    pub(crate) fn start(&self) -> Vec<Node> {
        let nodes: Vec<Node> = self.homes.iter().map(|home| Node::start(home)).collect();
        for node in &nodes {
            node.reaches(1);
        }
        nodes
    }
}

/// Hash and state root of a block that this node calls final.
pub(crate) fn block(node: &Node, height: u64) -> (String, String) {
    let block = node.rpc.ask("chain_getBlock", json!({ "height": height.to_string() }));
    assert_eq!((number(&block["height"]), &block["finalized"]), (height, &json!(true)), "{block}");
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    (text(&block["hash"]), text(&block["header"]["stateRoot"]))
}

/// Asserts that all nodes have the same blocks from `from` up to the lowest of their heights, which is returned.
pub(crate) fn same_chain(nodes: &[&Node], from: u64) -> u64 {
    let to = nodes.iter().map(|node| node.reaches(from)).min().unwrap();
    for height in from..=to {
        let want = block(nodes[0], height);
        for node in &nodes[1..] {
            assert_eq!(block(node, height), want, "{} differs at height {height}", node.url);
        }
    }
    to
}
