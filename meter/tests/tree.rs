//! The light node's dependencies: no state machine, no database, no C++, no library of the system's that a Pi may lack,
//! no JSON schemas.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

/// Crates that must never come in, by the start of their names.
const FORBIDDEN: [&str; 10] = [
    "wattle-runtime",
    "wattle-node",
    "wattle-rpc",
    "rocksdb",
    "librocksdb",
    "cxx",
    "link-cplusplus",
    "bindgen",
    "libudev",
    "schemars",
];

#[test]
fn the_light_node_holds_no_runtime_database_or_cplusplus() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--package", "wattle-meter", "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.lines().any(|line| line.starts_with("wattle-p2p")), "{tree}");
    let found: Vec<&str> =
        tree.lines().filter(|line| FORBIDDEN.iter().any(|name| line.starts_with(name))).collect();
    assert!(found.is_empty(), "{found:?}");
}
