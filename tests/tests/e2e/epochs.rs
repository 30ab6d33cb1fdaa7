//! A scheduled change of the validator set, and a light node that goes through it.

use crate::chain::{Wallet, number};
use crate::load::Load;
use crate::network::Network;
use crate::process::{PATIENCE, Process, program, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::runtime::Runtime;
use wattle_meter::simulator::{EXPORT, Household, IMPORT, Simulator, Site, system_clock};
use wattle_node::testnet::loopback;
use wattle_primitives::reading::RegisterEncoding;

/// Heights in an epoch: few, so that several pass.
const EPOCH_LENGTH: u64 = 20;
/// The change takes effect at the first epoch's end; the light node is followed well beyond it.
const HEIGHT: u64 = EPOCH_LENGTH * 4;

/// Goal: epochs pass, the set changes as scheduled, a light node's trusted head passes the change, and its readings
/// go on being accepted, each equal to what the meter's server has sent.
#[test]
fn a_light_node_follows_through_a_change_of_the_set() {
    let network = Network::lay_out(&["--meters", "1", "--set-change", "1", "--epoch-length", "20"]);
    let nodes = network.start();
    let load = Load::start(&network.path(), network.chain, nodes.iter().map(|n| n.url.clone()).collect());
    let (runtime, meter, home) = lay_out_light_node(&network);
    let light = start_light_node(&home);

    nodes[0].reaches(HEIGHT);
    let sets =
        [0, 1].map(|epoch| nodes[0].rpc.ask("chain_getValidators", json!({ "epoch": epoch.to_string() })));
    assert_ne!(sets[0]["hash"], sets[1]["hash"]);
    let powers = [4, 5].map(|power| json!(power));
    assert_eq!([&sets[0]["totalPower"], &sets[1]["totalPower"]], [&powers[0], &powers[1]]);
    // While it runs it saves its head at a change of the set, else only every ten minutes.
    let trusted = until("the trusted head passes the change", PATIENCE, || {
        let trusted = status(&home)["trusted"].take();
        (trusted.is_object() && number(&trusted["height"]) >= EPOCH_LENGTH).then_some(trusted)
    });
    assert_eq!(trusted["genesisHash"], json!(network.chain));
    let address = wattle_primitives::Address::of_key(
        &wattle_host::key::load(&home.join("meter.key")).unwrap().public(),
    );
    let readings = until("readings are accepted in the new epochs", PATIENCE, || {
        let list = nodes[1].rpc.ask("energy_listReadings", json!({ "meter": address }));
        let items = list["items"].as_array().unwrap().clone();
        let late = items.iter().filter(|item| number(&item["height"]) > HEIGHT).count();
        (late >= 2).then_some(items)
    });
    light.stop();
    assert!(number(&status(&home)["trusted"]["height"]) >= HEIGHT);
    let wh = |words: [u16; 2]| RegisterEncoding::Float32Kwh.watt_hours(&words).unwrap().0;
    let served: Vec<_> = meter.served().iter().map(|pair| (wh(pair.import), wh(pair.export))).collect();
    for reading in &readings {
        let counters = (number(&reading["importWh"]), number(&reading["exportWh"]));
        assert!(
            served.contains(&counters),
            "{reading} was never served by registers {IMPORT:#x} and {EXPORT:#x}"
        );
    }
    runtime.block_on(meter.stop());
    load.stop();
    nodes.into_iter().for_each(|node| node.process.stop());
}

/// A simulated meter, the runtime it lives in, and the directory of a light node that is configured to read it.
pub(crate) fn lay_out_light_node(network: &Network) -> (Runtime, Simulator, PathBuf) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (site, start_ms) = (Site::of(Household::new(7)), network.spec.genesis.time_ms.0);
    let meter = runtime.block_on(Simulator::start(loopback(0), site, start_ms, system_clock())).unwrap();
    let home = network.path().join("m0");
    write_config(network, &home, &meter);
    (runtime, meter, home)
}

/// Starts the light node of a directory and waits until it runs.
pub(crate) fn start_light_node(home: &Path) -> Process {
    let mut command = Command::new(program("wattle-light"));
    command.arg("run").arg("--config").arg(home.join("light.toml"));
    let light = Process::start("light", &mut command, &home.join("log"));
    light.logs("light node started");
    light
}

fn write_config(network: &Network, home: &Path, meter: &Simulator) {
    let path = |name: &str| home.join(name).display().to_string();
    let operator = Wallet::open(&network.path(), "operator", 0).address;
    let text = format!(
        "data_dir = {:?}\ncheckpoint = {:?}\npeers = {:?}\nfee_payer = \"{operator}\"\n\
         sample_interval_ms = 500\nreading_interval_ms = 1000\nfollow_interval_ms = 1000\ntrust_clock = true\n\
         submit_spread_ms = 0\nstatus_listen = \"\"\n\
         [[bus]]\nlink = {{ kind = \"tcp\", address = \"{}\" }}\n\
         [[bus.meter]]\nname = \"house\"\nkey_file = {:?}\n",
        path("data"),
        network.path().join("checkpoint.json").display().to_string(),
        network.peers,
        meter.address(),
        path("meter.key"),
    );
    std::fs::write(home.join("light.toml"), text).unwrap();
}

fn status(home: &Path) -> Value {
    let mut command = Command::new(program("wattle-light"));
    let output = command.args(["--json", "status", "--data-dir"]).arg(home.join("data")).output().unwrap();
    // Its directory is there a moment after it was started.
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}
