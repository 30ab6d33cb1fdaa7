//! A day in the life of a village, told by the devnet itself.

use crate::network::ports;
use crate::process::{Process, program};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// Longest that the story may take: a hang, and no slow machine, exceeds it.
const STORY_LIMIT: Duration = Duration::from_secs(600);
/// Steps that must be told, in this order.
const STEPS: [&str; 10] = [
    "sunrise",
    "cloud",
    "validator killed",
    "chain goes on",
    "validator back",
    "link cut",
    "link back",
    "queue drained",
    "traded",
    "settled",
];

/// Goal: houses trade under a cloud, a validator dies and returns, a light node is offline for a day and loses nothing,
/// and at the end every watt-hour and every unit of money is accounted for on four chains that agree.
#[test]
fn a_day_in_the_life_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("wattle"));
    command.args(["devnet", "--json", "--scenario", "day-in-the-life", "--exit-after-scenario", "--dir"]);
    command.arg(dir.path().join("net")).args(["--rpc-port", &ports(4).to_string()]);
    let mut process = Process::start("scenario", &mut command, &dir.path().join("log"));
    let status = process.wait(STORY_LIMIT);
    let events: Vec<Value> = process.rest().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in events.iter().filter(|event| event["event"] == "scenario") {
        println!("{} {}: {} {}", event["time"], event["step"], event["text"], event["detail"]);
    }
    assert!(status.success(), "{status}: {:?}\n{}", events.last(), process.log_tail());
    let steps: Vec<&str> =
        events.iter().filter(|e| e["event"] == "scenario").filter_map(|e| e["step"].as_str()).collect();
    assert_eq!(steps, STEPS);
    let figures = &events.iter().find(|event| event["step"] == "settled").unwrap()["detail"];
    let number = |name: &str| figures[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(number("proven") > 100, "a house's bill, line by line: {figures}");
    assert!(number("intervals") > 96 && number("importWh") > 10_000 && number("trades") > 20, "{figures}");
}
