//! Validators that are killed and stopped while transfers go on.

use crate::chain::number;
use crate::load::Load;
use crate::network::{Network, Node, same_chain};
use crate::process::{PATIENCE, until, wattle_error, wattle_json};
use crate::votes::Votes;
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use wattle_primitives::Hash;

/// Blocks that must become final while one validator is away, and after each fault.
const BLOCKS: u64 = 10;
/// Transfers that must become final before the next fault.
const TRANSFERS: usize = 40;
/// How long a validator stands still.
const PAUSE: Duration = Duration::from_secs(10);

fn load(network: &Network, nodes: &[Node]) -> Load {
    Load::start(&network.path(), network.chain, nodes.iter().map(|node| node.url.clone()).collect())
}

/// Waits until `TRANSFERS` more transfers are final.
fn progress(load: &Load) {
    let before = load.count();
    until("transfers become final", PATIENCE, || (load.count() >= before + TRANSFERS).then_some(()));
}

/// Asserts that every node calls every one of these final.
fn all_there(nodes: &[&Node], ids: &[Hash]) {
    for node in nodes {
        for id in ids {
            let status = node.rpc.ask("tx_status", json!({ "id": id }));
            assert_eq!(
                status["state"],
                "finalized",
                "{}: {id} was final and is not: {status}\n{}",
                node.url,
                node.process.log_tail()
            );
        }
    }
}

/// Waits until `node` is where `other` is now.
fn catches_up(node: &Node, other: &Node) {
    let height = other.reaches(0);
    node.reaches(height);
}

/// Goal: three of four go on without the fourth, which finds its way back, killed or only stopped for a while.
#[test]
fn the_others_go_on_without_one_and_it_catches_up() {
    let network = Network::lay_out(&["--meters", "0"]);
    let mut nodes = network.start();
    let load = load(&network, &nodes);
    progress(&load);

    let height = nodes[0].reaches(0);
    nodes.remove(2).process.kill();
    load.moved(2, None);
    nodes[0].reaches(height + BLOCKS);
    progress(&load);
    nodes.insert(2, Node::start(&network.homes[2]));
    load.moved(2, Some(nodes[2].url.clone()));
    catches_up(&nodes[2], &nodes[0]);
    progress(&load);

    nodes[3].process.signal(Signal::STOP);
    load.moved(3, None);
    let (stopped, height) = (Instant::now(), nodes[0].reaches(0));
    until("the others go on", PAUSE + PATIENCE, || {
        let moved = nodes[0].rpc.height().is_some_and(|at| at >= height + BLOCKS);
        (moved && stopped.elapsed() >= PAUSE).then_some(())
    });
    nodes[3].process.signal(Signal::CONT);
    load.moved(3, Some(nodes[3].url.clone()));
    catches_up(&nodes[3], &nodes[0]);
    progress(&load);

    let ids = load.stop();
    let height = nodes[0].reaches(0);
    nodes.iter().for_each(|node| _ = node.reaches(height));
    let all: Vec<&Node> = nodes.iter().collect();
    same_chain(&all, 1);
    all_there(&all, &ids);
    nodes.into_iter().for_each(|node| node.process.stop());
    examine(&network, ids.len());
}

/// Goal: what was final before a power cut of the whole village is final after it, and nobody signs twice.
#[test]
fn what_was_final_survives_the_death_of_all() {
    let repetitions = if std::env::var_os("WATTLE_TEST_LONG").is_some() { 50 } else { 5 };
    let network = Network::lay_out(&["--meters", "0"]);
    let mut nodes = network.start();
    let load = load(&network, &nodes);
    let mut votes = Votes::default();
    let mut height = 1;
    for _ in 0..repetitions {
        progress(&load);
        for node in &nodes {
            node.process.signal(Signal::KILL); // all before any is waited for
        }
        nodes.drain(..).for_each(|node| node.process.kill());
        let ids = load.finals();
        for (i, home) in network.homes.iter().enumerate() {
            load.moved(i, None);
            votes.read(i, home, network.chain);
        }
        votes.assert_honest();
        nodes.extend(network.homes.iter().map(|home| Node::start(home)));
        // Not one block more is needed: every node must have it as soon as it has caught up with the others.
        let top = nodes.iter().map(|node| node.reaches(0)).max().unwrap();
        nodes.iter().for_each(|node| _ = node.reaches(top));
        let all: Vec<&Node> = nodes.iter().collect();

        all_there(&all, &ids);
        height = same_chain(&all, height);
        // Only now: what comes while each transfer is asked for would have to be asked for the next time.
        for (i, node) in nodes.iter().enumerate() {
            load.moved(i, Some(node.url.clone()));
        }
    }
    progress(&load);
    let ids = load.stop();
    let all: Vec<&Node> = nodes.iter().collect();
    let top = all.iter().map(|node| node.reaches(0)).max().unwrap();
    all.iter().for_each(|node| _ = node.reaches(top));
    all_there(&all, &ids);
    same_chain(&all, height);
    nodes.into_iter().for_each(|node| node.process.stop());
    for (i, home) in network.homes.iter().enumerate() {
        votes.read(i, home, network.chain);
    }
    println!("{} transfers final, {} votes, {repetitions} power cuts", ids.len(), votes.assert_honest());
    examine(&network, ids.len());
    damage(&network.homes[0].join("data/db"));
    let (_, code) = wattle_error(["doctor", "--home", network.homes[0].to_str().unwrap()]);
    assert!(["database", "corrupt"].contains(&code.as_str()), "{code}");
}

/// Runs the doctor on every home: all must come to the same chain, with at least so many transactions.
fn examine(network: &Network, transactions: usize) {
    for home in &network.homes {
        let found = wattle_json(["doctor", "--home", home.to_str().unwrap()]);
        assert_eq!(found["ok"], true, "{found}");
        assert!(number(&found["transactions"]) >= transactions as u64, "{found}");
        assert!(number(&found["certificates"]) > 0, "{found}");
    }
}

/// Inverts the middle of every table of a database.
fn damage(db: &Path) {
    let tables = std::fs::read_dir(db).unwrap().map(|entry| entry.unwrap().path());
    let tables: Vec<_> = tables.filter(|path| path.extension().is_some_and(|e| e == "sst")).collect();
    assert!(!tables.is_empty(), "no table in {}", db.display());
    for table in tables {
        let mut bytes = std::fs::read(&table).unwrap();
        let third = bytes.len() / 3;
        bytes[third..third * 2].iter_mut().for_each(|byte| *byte ^= 0xff);
        std::fs::write(&table, bytes).unwrap();
    }
}
