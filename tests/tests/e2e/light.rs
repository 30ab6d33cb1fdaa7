//! A real light node beside real validators, whose power goes at any moment.

use crate::chain::number;
use crate::epochs::{lay_out_light_node, start_light_node};
use crate::network::{Network, Node};
use crate::process::{PATIENCE, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use wattle_meter::queue::Queue;
use wattle_primitives::Address;
use wattle_primitives::reading::RegisterEncoding;

/// Lives that end by kill -9, at least.
const LIVES: u64 = 8;
/// Readings that must be seen waiting between them.
const SEEN_MIN: usize = 4;

/// Everything that waits in the queue of a light node that does not run: import by number.
fn waiting(queue: &Path) -> BTreeMap<u64, u64> {
    let (queue, recovery) = Queue::open(queue, 10_000).unwrap();
    assert_eq!(recovery.damaged, 0);
    let readings = queue.pending(0, u64::MAX, usize::MAX).unwrap().into_iter().map(|signed| signed.reading);
    let wh = |words: &[u16]| RegisterEncoding::Float32Kwh.watt_hours(words).unwrap().0;
    readings.map(|reading| (reading.seq, wh(&reading.import))).collect()
}

/// What the chain has of a light node's meter.
fn readings(node: &Node, home: &Path) -> Value {
    let key = wattle_host::key::load(&home.join("meter.key")).unwrap();
    let address = Address::of_key(&key.public());
    node.rpc.ask("energy_listReadings", json!({ "meter": address, "limit": 100 }))
}

/// Each reading is on the chain once, and of those that were `waiting` each that is no newer than the newest there, as
/// it was. Returns how many the chain has.
fn every_reading_once(listed: &Value, waiting: &BTreeMap<u64, u64>) -> usize {
    let items = listed["items"].as_array().unwrap();
    let on_chain: BTreeMap<u64, u64> =
        items.iter().map(|item| (number(&item["seq"]), number(&item["importWh"]))).collect();
    assert_eq!(items.len(), on_chain.len(), "a number twice: {items:?}");
    let last = *on_chain.last_key_value().unwrap().0;
    for (seq, import_wh) in waiting.range(..=last) {
        assert_eq!(on_chain.get(seq), Some(import_wh), "reading {seq} of {waiting:?} in {on_chain:?}");
    }
    on_chain.len()
}

/// Goal: between a reading on the disk and its number on the chain there is no moment at which the end of the process
/// loses it, or has the chain take it twice.
#[test]
fn killed_while_it_submits_it_brings_every_reading_to_the_chain_once() {
    let network = Network::lay_out(&["--meters", "1"]);
    let nodes = network.start();
    let (runtime, meter, home) = lay_out_light_node(&network);
    let config = home.join("light.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    // Every moment counts: a reading is durable at once, and on its way soon.
    let hasty = text.replace("sample_interval_ms = 500", "sample_interval_ms = 100\nsync_interval_ms = 0");
    std::fs::write(&config, hasty.replace("follow_interval_ms = 1000", "follow_interval_ms = 100")).unwrap();
    let queue = home.join("data/house/queue");
    let mut seen = BTreeMap::new();
    for life in 0.. {
        if life >= LIVES && seen.len() >= SEEN_MIN {
            break;
        }
        assert!(life < LIVES * 10, "{seen:?}");
        let light = start_light_node(&home);
        // From the time that it takes to find a peer to that of a few readings; longer on a machine too slow for any.
        std::thread::sleep(Duration::from_millis(life * 211 % 1500 + life / LIVES * 1_000));
        light.kill();
        if queue.exists() {
            seen.extend(waiting(&queue));
        }
    }
    let light = start_light_node(&home);
    let newest = seen.last_key_value().map(|(seq, _)| *seq).unwrap();
    until("what waited has arrived", PATIENCE, || {
        let listed = readings(&nodes[0], &home);
        let items = listed["items"].as_array()?;
        items.iter().any(|item| number(&item["seq"]) > newest).then_some(())
    });
    light.stop();
    seen.extend(waiting(&queue));
    let on_chain = every_reading_once(&readings(&nodes[0], &home), &seen);
    println!("{on_chain} readings on the chain, {} of them seen in the queue", seen.len());
    runtime.block_on(meter.stop());
    nodes.into_iter().for_each(|node| node.process.stop());
}

/// Goal: a light node on demand has no connections but for its visits, and what it signs arrives all the same, once.
#[test]
fn on_demand_it_visits_the_chain_and_every_reading_arrives_once() {
    let network = Network::lay_out(&["--meters", "1"]);
    let nodes = network.start();
    let (runtime, meter, home) = lay_out_light_node(&network);
    let config = home.join("light.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let visits = "[network]\nmode = \"on_demand\"\ninterval_ms = 1000\n[[bus]]";
    std::fs::write(&config, text.replacen("[[bus]]", visits, 1)).unwrap();
    let light = start_light_node(&home);
    until("visits bring readings", PATIENCE, || {
        (readings(&nodes[0], &home)["items"].as_array()?.len() >= 4).then_some(())
    });
    until("it has hung up", PATIENCE, || {
        let mut peers = nodes.iter().map(|node| node.rpc.ask("node_peers", json!({})));
        let calls = |peers: Value| peers["peers"].as_array().unwrap().iter().any(|p| p["role"] == "light");
        (!peers.any(calls)).then_some(())
    });
    light.stop();
    // What waits and is on the chain waits for its proof alone.
    every_reading_once(&readings(&nodes[0], &home), &waiting(&home.join("data/house/queue")));
    runtime.block_on(meter.stop());
    nodes.into_iter().for_each(|node| node.process.stop());
}
