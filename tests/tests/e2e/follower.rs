//! A full node that is no validator.

use crate::network::{Network, Node, ports, same_chain};
use crate::process::{PATIENCE, until, wattle_error, wattle_json};
use serde_json::json;
use std::path::Path;
use wattle_node::home::Home;

/// Makes a node's home that listens on loopback only.
pub(crate) fn init(home: &Path, genesis: &Path, peers: &[String]) {
    let port = ports(1).to_string();
    let fixed = ["init", "node", "--rpc-port", "0", "--p2p-port", &port];
    let paths = ["--home", home.to_str().unwrap(), "--genesis", genesis.to_str().unwrap()];
    let peers = peers.iter().flat_map(|peer| ["--peer", peer.as_str()]);
    let done = wattle_json(fixed.into_iter().chain(paths).chain(peers));
    assert!(done["validatorKey"].is_null() && done["peerId"].is_string(), "{done}");
    let home = Home::new(home);
    let mut config = home.config().unwrap();
    for address in &mut config.p2p.listen {
        *address = address.replace("0.0.0.0", "127.0.0.1");
    }
    home.write_config(&config).unwrap();
}

/// Goal: a node without a vote serves the very chain, joins late, resumes, and takes nothing of another chain.
#[test]
fn a_full_node_follows_and_refuses_another_chain() {
    let network = Network::lay_out(&["--meters", "0"]);
    let validators = network.start();
    validators[0].reaches(5);
    let home = network.dir.path().join("full");
    init(&home, &network.path().join("genesis.toml"), &network.peers);
    let full = Node::start(&home);
    full.reaches(8);
    let to = same_chain(&[&validators[0], &full], 1);
    full.process.stop();
    let full = Node::start(&home);
    full.reaches(to + 3); // goes on following, from its own disk
    same_chain(&[&validators[1], &full], to);
    let height = full.reaches(0);
    full.process.stop();
    let found = wattle_json(["doctor", "--home", home.to_str().unwrap()]);
    assert!(found["ok"] == true && crate::chain::number(&found["height"]) >= height, "{found}");

    let other = network.dir.path().join("other");
    wattle_json([
        "init",
        "testnet",
        "--validators",
        "1",
        "--rpc-port",
        "0",
        "--out",
        other.to_str().unwrap(),
    ]);
    let genesis = other.join("genesis.toml");
    let stranger_home = network.dir.path().join("stranger");
    init(&stranger_home, &genesis, &network.peers);
    let stranger = Node::start(&stranger_home);
    until("the stranger is refused", PATIENCE, || {
        let log = std::fs::read_to_string(stranger_home.join("log")).unwrap();
        log.contains("peer was refused").then_some(())
    });
    let status = stranger.rpc.ask("chain_status", json!({}));
    assert_eq!((&status["height"], &status["peers"]), (&json!("0"), &json!(0)), "{status}");
    stranger.process.stop();

    std::fs::copy(&genesis, home.join("genesis.toml")).unwrap();
    let (_, code) = wattle_error(["run", "--home", home.to_str().unwrap()]);
    assert_eq!(code, "node", "data of one chain, genesis of another");
    validators.into_iter().for_each(|node| node.process.stop());
}
