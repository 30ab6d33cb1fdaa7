//! The floors of the house: who may import whom, and what no floor may contain.
//!
//! The same table stands in `ARCHITECTURE.md`. A dependency that breaks it fails here, not in review. Beside it: no
//! circles of modules within a crate ([`circles`]), and from whom and under what licence other crates come
//! ([`supply`]).

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod circles;
mod hacking;
mod supply;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// (crate, workspace crates it may import, external crates it must not have)
const FLOORS: &[(&str, &[&str], &[&str])] = &[
    ("primitives", &[], &["tokio", "futures", "jsonrpsee", "rocksdb", "libp2p"]),
    ("host", &["primitives"], &["tokio", "futures", "jsonrpsee", "rocksdb", "libp2p"]),
    ("chain-spec", &["primitives"], &["tokio", "rocksdb", "libp2p"]),
    (
        "consensus",
        &["primitives"],
        &["tokio", "futures", "getrandom", "rand", "ed25519-dalek", "libp2p", "rocksdb"],
    ),
    ("runtime", &["primitives"], &["tokio", "futures", "getrandom", "rand", "libp2p"]),
    ("p2p", &["primitives"], &["rocksdb"]),
    ("rpc-types", &["primitives"], &["tokio", "axum", "hyper", "tower", "jsonrpsee", "rocksdb", "libp2p"]),
    ("rpc", &["primitives", "host", "rpc-types"], &["rocksdb", "libp2p"]),
    (
        "cli",
        &["primitives", "host", "rpc-types", "chain-spec", "consensus"],
        &["axum", "tower", "rocksdb", "libp2p"],
    ),
    ("meter", &["primitives", "host", "chain-spec", "consensus", "p2p"], &["rocksdb"]),
    (
        "node",
        &[
            "primitives",
            "host",
            "chain-spec",
            "consensus",
            "runtime",
            "p2p",
            "rpc-types",
            "rpc",
            "cli",
            "meter",
        ],
        &[],
    ),
    // Loaded into the product by a test; knows nothing of it.
    ("recorder", &[], &["tokio", "rocksdb", "libp2p"]),
    // No product imports it: it is in the list of `tests` and `fuzz` alone.
    ("test-disk", &["host"], &["tokio", "rocksdb", "libp2p"]),
    ("tests", EVERYTHING, &[]),
    ("fuzz", EVERYTHING, &[]),
    ("bench", &["primitives", "chain-spec", "runtime"], &[]),
];

const EVERYTHING: &[&str] = &[
    "primitives",
    "host",
    "chain-spec",
    "consensus",
    "runtime",
    "p2p",
    "rpc-types",
    "rpc",
    "cli",
    "meter",
    "node",
    "test-disk",
];

/// (crate, text that its sources must not contain, files that may)
const ABSENCES: &[(&str, &[&str], &[&str])] = &[
    ("primitives", &["std::net", "SystemTime::now", "Instant::now", "HashMap", "f32", "f64"], &[]),
    // With the feature `zoo`, which no product has, a planted fault notes that it was reached.
    ("primitives", &["std::fs"], &["planted.rs"]),
    (
        "consensus",
        &["std::net", "std::fs", "SystemTime::now", "Instant::now", "HashMap", "f32", "f64", "SecretKey"],
        &[],
    ),
    ("runtime", &["std::net", "SystemTime::now", "Instant::now", "HashMap"], &[]),
    // A database option is a float; it decides nothing that two nodes must agree on.
    ("runtime", &["f32", "f64"], &["store/rocks.rs"]),
    ("runtime", &["rocksdb::"], &["store/rocks.rs"]),
    // Workers keep the parameters of their start (node/src/work).
    ("runtime", &["write(keys::params", "write(keys::validators"], &["execute/genesis.rs"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The workspace, by `cargo metadata`.
fn metadata(options: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(options)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Dependencies of each workspace crate that are part of the product: not those for its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().unwrap();
    let shipped = |d: &&Value| d["kind"].as_str() != Some("dev");
    packages
        .iter()
        .map(|p| {
            let names = p["dependencies"].as_array().unwrap().iter().filter(shipped);
            let names = names.map(|d| d["name"].as_str().unwrap().to_owned()).collect();
            (p["name"].as_str().unwrap().trim_start_matches("wattle-").to_owned(), names)
        })
        .collect()
}

#[test]
fn crates_import_only_the_floors_below() {
    let found = dependencies();
    let known: BTreeSet<&str> = FLOORS.iter().map(|(name, ..)| *name).collect();
    let actual: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(known, actual, "every crate of the workspace stands in the table");
    for (name, may, must_not) in FLOORS {
        for dependency in &found[*name] {
            if let Some(sibling) = dependency.strip_prefix("wattle-") {
                assert!(may.contains(&sibling), "{name} must not import {sibling}");
            }
            let allowed_feature = *name == "runtime" && dependency == "rocksdb";
            assert!(
                allowed_feature || !must_not.contains(&dependency.as_str()),
                "{name} must not import {dependency}"
            );
        }
    }
}

#[test]
fn floors_do_not_contain_what_they_must_not() {
    for (name, texts, exempt) in ABSENCES {
        let sources = root().join(name).join("src");
        for file in rust_files(&sources) {
            let relative = file.strip_prefix(&sources).unwrap().to_string_lossy().replace('\\', "/");
            let is_test = relative.ends_with("tests.rs") || relative.contains("tests/");
            if is_test || exempt.iter().any(|e| relative == *e) {
                continue;
            }
            let source = std::fs::read_to_string(&file).unwrap();
            for (number, line) in source.lines().enumerate() {
                let code = line.split("//").next().unwrap();
                for text in *texts {
                    let hit = code.match_indices(text).any(|(at, _)| is_word(code, at, text.len()));
                    assert!(!hit, "{name}/src/{relative}:{} contains {text}", number + 1);
                }
            }
        }
    }
}

/// Whether the match is no part of a longer identifier.
fn is_word(line: &str, at: usize, len: usize) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !part(line[..at].chars().next_back()) && !part(line[at + len..].chars().next())
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Columns that a comment takes at most: the formatter holds the code, and leaves comments alone.
const COMMENT_COLUMNS: usize = 120;

#[test]
fn comments_fit_the_page() {
    let folders = FLOORS.iter().map(|(name, ..)| match *name {
        "recorder" | "bench" => format!("tests/{name}"),
        "test-disk" => "tests/disk".to_owned(),
        name => name.to_owned(),
    });
    for file in folders.flat_map(|folder| rust_files(&root().join(folder))) {
        let source = std::fs::read_to_string(&file).unwrap();
        let relative = file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        let is_test = relative.ends_with("tests.rs")
            || ["tests", "benches", "fuzz"].iter().any(|part| relative.split('/').any(|own| own == *part));
        for (number, line) in
            source.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("//"))
        {
            let columns = line.chars().count();
            assert!(columns <= COMMENT_COLUMNS, "{}:{}: {columns} columns", file.display(), number + 1);
            let text = line.trim_start().trim_start_matches(['/', '!']).trim_start();
            let roundabout = !is_test && text.split(' ').next() == Some("What");
            assert!(
                !roundabout,
                "{}:{}: begin with the thing, not with \"What\"",
                file.display(),
                number + 1
            );
        }
    }
}

/// Everything that a crate's product is built from, by `cargo tree`.
fn tree(package: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", package, "-e", "normal,build", "--prefix", "none", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn light_node_and_command_line_hold_no_database_and_no_runtime() {
    for (package, holds, cxx) in
        [("wattle-meter", "wattle-p2p", false), ("wattle-cli", "wattle-rpc-types", true)]
    {
        let tree = tree(package);
        assert!(tree.contains(holds), "the tree is that of {package}:\n{tree}");
        let banned = ["rocksdb", "librocksdb-sys", "wattle-runtime"].into_iter();
        let banned = banned.chain(["link-cplusplus", "cxx "].into_iter().filter(|_| !cxx));
        for banned in banned {
            assert!(!tree.lines().any(|l| l.starts_with(banned)), "{package} depends on {banned}");
        }
    }
}
