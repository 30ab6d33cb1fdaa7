//! Validators that die until those that are left are no quorum, on a chain that makes a block a minute; and that come
//! back.

use crate::chain::{Wallet, tx_hex};
use crate::follower::init;
use crate::network::{Network, Node};
use crate::process::{PATIENCE, until, wattle};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Instant;
use wattle_node::home::Home;

/// Which validators a node misses, and whether the rest are a quorum: by all that it tells, once that agrees.
fn told(node: &Node) -> Option<(BTreeSet<String>, bool)> {
    let (code, status, _) = wattle(["query", "status", "--json", "--rpc", node.url.as_str()]);
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok().filter(|_| code == 0);
    let (status, healthy) = (parse(&status)?, parse(&node.page("/healthy"))?);
    let (ready, metrics) = (parse(&node.page("/ready"))?, node.page("/metrics"));
    let liveness = &status["liveness"];
    let (quorum, missing) = (liveness["quorum"].as_bool()?, liveness["validatorsMissing"].as_array()?);
    let halted =
        |page: &Value| page["reasons"].as_array().is_some_and(|why| why.contains(&json!("no_quorum")));
    let shows = |line: &str| metrics.lines().any(|shown| shown == line);
    let agreed =
        [&healthy, &ready].into_iter().all(|page| page["liveness"] == *liveness && halted(page) != quorum)
            && (ready["ready"] != true || quorum)
            && shows(r#"wattle_health_reason{reason="no_quorum"} 1"#) != quorum
            && shows(&format!("wattle_validators_missing {}", missing.len()))
            && shows(&format!("wattle_voting_power_missing {}", liveness["missingPower"]))
            && liveness["missingPower"] == missing.len()
            && liveness["totalPower"] == 4;
    let keys = missing.iter().filter_map(|key| key.as_str().map(str::to_owned));
    agreed.then(|| (keys.collect(), quorum))
}

/// Goal: who is left says within seconds that no quorum is heard, and who is missing; a full node says it too; one that
/// is missing is no halt; and all is well again when they are back.
#[test]
fn a_halt_is_told_with_names_by_everybody_who_is_left_and_so_is_its_end() {
    let network = Network::lay_out(&["--meters", "0", "--preset", "microgrid"]);
    let keys: Vec<String> =
        network.homes.iter().map(|home| Home::new(home).validator().unwrap().unwrap().to_string()).collect();
    let mut nodes: Vec<Node> = network.homes.iter().map(|home| Node::start(home)).collect();
    let home = network.dir.path().join("full");
    init(&home, &network.path().join("genesis.toml"), &network.peers);
    let full = Node::start(&home);
    let everybody_says = |what: &str, nodes: &[Node], missing: &[usize], quorum: bool| {
        let begun = Instant::now();
        let missing: BTreeSet<String> = missing.iter().map(|i| keys[*i].clone()).collect();
        for node in nodes.iter().chain([&full]) {
            until(&format!("{what}: {}", node.url), PATIENCE, || {
                told(node).filter(|said| *said == (missing.clone(), quorum))
            });
        }
        println!("{what}: told by all after {} ms", begun.elapsed().as_millis());
    };
    everybody_says("all are there", &nodes, &[], true);

    nodes.remove(3).process.kill();
    everybody_says("one of four is no halt, and is named", &nodes, &[3], true);
    nodes.remove(2).process.kill();
    everybody_says("two of four are a halt", &nodes, &[2, 3], false);
    for node in nodes.iter().chain([&full]) {
        node.process.logs("no quorum is heard: the chain stands");
        assert_eq!(node.rpc.ask("chain_status", json!({}))["liveness"]["quorumPower"], 3);
    }

    nodes.push(Node::start(&network.homes[2]));
    everybody_says("three are a quorum again", &nodes, &[3], true);
    for node in nodes[..2].iter().chain([&full]) {
        node.process.logs("a quorum is heard again");
    }
    nodes.push(Node::start(&network.homes[3]));
    everybody_says("all are back", &nodes, &[], true);
    let mut wallet = Wallet::open(&network.path(), "alice", 0);
    let to = wallet.address;
    let sent =
        nodes[0].rpc.ask("tx_submit", json!({ "txHex": tx_hex(&wallet.transfer(network.chain, to, 1)) }));
    let id = sent["id"].as_str().unwrap().parse().unwrap();
    until("the chain goes on", PATIENCE, || nodes[0].rpc.is_final(&id).then_some(()));
    nodes.into_iter().chain([full]).for_each(|node| node.process.stop());
}
