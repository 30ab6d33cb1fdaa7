//! A validator whose consensus log is damaged, and its operator's one command.

use crate::network::{Network, Node, same_chain};
use crate::process::{wattle_error, wattle_json};
use serde_json::json;
use std::path::Path;

/// Flips a bit in the middle of the log's one segment.
fn damage(log: &Path) {
    let files = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
    let segment = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("wal-");
    let segments: Vec<_> = files.filter(|path| segment(path)).collect();
    let [segment] = &segments[..] else { panic!("{segments:?}") };
    let mut bytes = std::fs::read(segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(segment, bytes).unwrap();
}

/// Goal: a validator does not sign on top of a damaged log; once that is put aside it takes part again by itself, and
/// signs nothing twice.
#[test]
fn a_validator_with_a_corrupt_log_is_cured_by_one_command_and_votes_again() {
    let network = Network::lay_out(&["--meters", "0"]);
    let mut nodes = network.start();
    nodes[0].reaches(5);
    nodes.remove(0).process.stop();
    let home = &network.homes[0];
    let at_home = ["--home", home.to_str().unwrap()];
    let cure = ["doctor", "--cure-log"].into_iter().chain(at_home);
    assert_eq!(wattle_error(cure.clone()).1, "log_whole", "a good log stays");

    damage(&home.join("data/wal"));
    assert_eq!(wattle_error(["run"].into_iter().chain(at_home)).1, "log_corrupt");
    let cured = wattle_json(cure);
    let aside = Path::new(cured["aside"].as_str().unwrap());
    assert!(aside.ends_with("data/wal.corrupt-1") && aside.is_dir(), "{cured}");

    let node = Node::start(home);
    node.process.logs("sitting out until past that round");
    nodes.remove(0).process.kill(); // now it is needed
    let without_it = nodes.iter().map(|node| node.reaches(1)).max().unwrap();
    node.reaches(without_it + 5);
    let others: Vec<&Node> = nodes.iter().chain([&node]).collect();
    same_chain(&others, without_it);
    for node in others {
        assert_eq!(node.rpc.ask("evidence_list", json!({}))["items"], json!([]));
    }
    node.process.stop();
    nodes.into_iter().for_each(|node| node.process.stop());
}
