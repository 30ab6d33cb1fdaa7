//! A validator that loses its disk, and its operator's way out when too few others are left.

use crate::network::{Network, Node};
use crate::process::{PATIENCE, until, wattle_error, wattle_json};
use serde_json::json;
use std::path::Path;

/// Takes everything away but configuration and keys.
fn lose_disk(home: &Path) {
    for dir in ["data", "sign"] {
        std::fs::remove_dir_all(home.join(dir)).unwrap();
    }
}

/// Whether the node sits out, once it knows how it stands.
fn sits_out(node: &Node) -> bool {
    until("the node knows how it stands", PATIENCE, || {
        node.page("/healthy").contains("\"quorumPower\"").then_some(())
    });
    node.reasons("/healthy").contains(&"new_disk".to_owned())
}

fn doctor<'a>(home: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["doctor", "--home", home.to_str().unwrap(), "--resume-signing"], more].concat()
}

/// Goal: a validator that lost its disk signs nothing twice, and takes part again by itself while the others are there.
#[test]
fn a_validator_on_a_new_disk_sits_out_and_comes_back() {
    let network = Network::lay_out(&["--meters", "0"]);
    let mut nodes = network.start();
    assert!(nodes.iter().all(|node| !sits_out(node)), "a key that was made here has signed nothing");
    nodes[0].reaches(5);

    // With one of the others away there is no quorum to ask: it stays silent.
    nodes.pop().unwrap().process.kill();
    nodes.remove(0).process.kill();
    lose_disk(&network.homes[0]);
    let node = Node::start(&network.homes[0]);
    assert!(sits_out(&node));
    node.process.logs("signing nothing until a quorum");
    node.process.kill();

    // The command resumes, but not by accident.
    let home = &network.homes[0];
    assert_eq!(wattle_error(doctor(home, &[])).1, "risk_not_accepted");

    let node = Node::start(home);
    assert!(sits_out(&node), "a restart changes nothing");
    let back = Node::start(&network.homes[3]);
    until("it votes again", PATIENCE, || (!sits_out(&node)).then_some(()));
    let from = node.reaches(1);
    nodes.remove(0).process.kill(); // now it is needed
    node.reaches(from + 5);
    for node in [&node, &back] {
        assert_eq!(node.rpc.ask("evidence_list", json!({}))["items"], json!([]));
    }
    node.process.kill();
    // Without `sign/` beside data in use no command makes it sign.
    let (sign, kept) = (home.join("sign"), home.join("sign.kept"));
    std::fs::rename(&sign, &kept).unwrap();
    assert_eq!(wattle_error(doctor(home, &["--accept-risk"])).1, "sign_state");
    std::fs::remove_dir_all(&sign).unwrap();
    std::fs::rename(&kept, &sign).unwrap();
    assert!(
        wattle_json(doctor(home, &["--accept-risk"]))["satOut"].is_string(),
        "what it sat out it still knows"
    );
    assert_eq!(wattle_json(doctor(home, &["--accept-risk"]))["satOut"], json!(null), "it sits out nothing");

    lose_disk(home);
    assert_eq!(wattle_json(doctor(home, &["--accept-risk"]))["satOut"], "all");
    let node = Node::start(home);
    assert!(!sits_out(&node), "its operator takes the risk");
    node.process.stop();
    back.process.stop();
    nodes.into_iter().for_each(|node| node.process.stop());
}
