//! The documentation's examples, run as they stand.

use crate::devnet::Devnet;
use crate::network::ports;
use crate::process::{PATIENCE, program, until};
use clap::Parser as _;
use serde_json::Value;
use std::process::Command;
use wattle_node::commands::Cli;

/// Commands that ask for something that a new chain does not have.
const ABSENT: [&str; 7] = [
    "ledger_getHold",
    "market_getOrder",
    "deals_getDeal",
    "disputes_getDispute",
    "chain_getEventProof",
    "identity_getGrant",
    "identity_getSponsorship",
];

/// Goal: whoever copies an example of `docs/rpc.md` into a shell gets an answer.
#[test]
fn every_example_of_the_interface_works_as_it_stands() {
    let page = include_str!("../../../docs/rpc.md");
    let (_, methods) = page.split_once("## Methods").unwrap();
    let examples: Vec<&str> =
        methods.split("```sh\n").skip(1).map(|part| part.split("```").next().unwrap()).collect();
    let dir = tempfile::tempdir().unwrap();
    let port = ports(1).to_string();
    let devnet = Devnet::start(dir.path(), &["--validators", "1", "--meters", "1", "--rpc-port", &port]);
    std::os::unix::fs::symlink("net", dir.path().join("village")).unwrap();
    let address = devnet.url().trim_start_matches("http://").trim_end_matches("/rpc");
    until("a reading is on chain", PATIENCE, || {
        let list = crate::chain::curl(
            devnet.url(),
            "energy_listReadings",
            serde_json::json!({ "meter": devnet.ready["meters"][0]["address"] }),
        );
        (!list["result"]["items"].as_array()?.is_empty()).then_some(())
    });
    // One shell for all, as a reader has; a line of its own between the answers.
    let mark = "=== next example ===";
    let script: String = examples.iter().map(|example| format!("{example}\necho; echo '{mark}'\n")).collect();
    let path =
        format!("{}:{}", program("wattle").parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script.replace("127.0.0.1:8645", address)])
        .current_dir(dir.path())
        .env("PATH", path)
        .env("WATTLE_RPC", devnet.url())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<&str> = text.split(mark).collect();
    for (example, answer) in examples.iter().zip(&answers) {
        let line =
            answer.lines().rev().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{example}"));
        let json: Value = serde_json::from_str(line).unwrap();
        // A new chain has none of these to show; all else is there.
        if ABSENT.iter().any(|method| example.contains(method)) {
            assert_eq!(json["error"]["data"]["code"], "not_found", "{example}{json}");
        } else {
            assert!(json.get("result").is_some() || json.get("ready").is_some(), "{example}{json}");
        }
    }
    println!("{} examples", examples.len());
    assert!(examples.len() >= 30, "{} examples", examples.len());
    devnet.interrupt();
}

/// Goal: no command of the guides has an option that is not there, or lacks one that must be.
#[test]
fn every_command_of_the_guides_is_understood() {
    let page = [include_str!("../../../docs/energy.md"), include_str!("../../../docs/books.md")].join("\n");
    let hash = "5f".repeat(32);
    let address = wattle_primitives::Address([7; 32]).to_string();
    let key = wattle_primitives::SecretKey::from_seed([7; 32]).public().to_string();
    let values = [
        ("$GRID", hash.as_str()),
        ("$REFERENCE", &hash),
        ("$HASH", &hash),
        ("$HOLD", &hash),
        ("$BOOK", &hash[..32]),
        ("$CHAIN", &hash),
        ("$ORDER", &hash),
        ("$DEAL", &hash),
        ("$DISPUTE", &hash),
        ("$METER", &address),
        ("$WALLET", &address),
        ("$ALICE", &address),
        ("$KEY", &key),
        ("$BINDING", &"5f".repeat(64)),
    ];
    let blocks = page.split("```sh\n").skip(1).map(|part| part.split("```").next().unwrap());
    let commands: Vec<&str> = blocks.flat_map(str::lines).collect();
    for command in &commands {
        let (words, _) = command.split_once(" > ").unwrap_or((command, ""));
        let filled = values.iter().fold(words.to_owned(), |text, (name, value)| text.replace(name, value));
        let filled = filled.replace("wattle-light ", "wattle light ");
        if let Err(error) = Cli::try_parse_from(filled.split_whitespace()) {
            panic!("{command}\n{error}");
        }
    }
    assert!(commands.len() > 40, "{} commands", commands.len());
    // A parser that takes anything proves nothing.
    assert!(Cli::try_parse_from(["wattle", "energy", "order", "--price", "1"]).is_err());
}
