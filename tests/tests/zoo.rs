//! The planted faults and the list of them agree, and no program that is not built for them knows any.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wattle_primitives::domain;
use wattle_primitives::planted::{ENABLED, SELECT_VAR};
use wattle_tests::faults;

const CRATES: [&str; 11] = [
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
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Files under `folder`, and what they contain.
fn sources(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            into.push((path, text));
        }
    }
}

/// Every plant: its name, and the files it stands in.
fn plants() -> BTreeMap<String, Vec<String>> {
    let mut files = Vec::new();
    for krate in CRATES {
        sources(&root().join(krate).join("src"), &mut files);
    }
    let mut plants = BTreeMap::<String, Vec<String>>::new();
    for (path, text) in files {
        let file = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        if file == "primitives/src/planted.rs" {
            continue; // its documentation
        }
        let code: String = text.lines().map(|line| line.split("//").next().unwrap().trim()).collect();
        for call in code.split("planted!(").skip(1) {
            let name = call.split('"').nth(1).unwrap();
            plants.entry(name.to_owned()).or_default().push(file.clone());
        }
    }
    plants
}

#[test]
fn every_listed_fault_is_planted_once_in_its_file_and_no_other_is() {
    let plants = plants();
    let listed: BTreeMap<String, Vec<String>> =
        faults::all().map(|fault| (fault.name.to_owned(), vec![fault.file.to_owned()])).collect();
    assert_eq!(listed.len(), faults::all().count(), "a name is listed twice");
    assert_eq!(plants, listed);
    assert!(listed.len() >= 20, "the list is read");
}

#[test]
fn no_shipped_program_knows_a_fault() {
    // In `WATTLE_TEST_BIN` if that is set, else where cargo puts programs, beside this test's directory.
    let dir = match std::env::var_os("WATTLE_TEST_BIN") {
        Some(dir) => PathBuf::from(dir),
        None => std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned(),
    };
    for program in ["wattle", "wattle-light"] {
        let path = dir.join(program);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}: `cargo build --release --workspace --bins` makes it", path.display())
        });
        let texts: String =
            bytes.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { ' ' }).collect();
        let holds = |text: &str| texts.contains(text);
        assert!(holds(domain::HEADER.as_str()), "{program}: text that it uses is found in it");
        assert_eq!(holds(SELECT_VAR), ENABLED, "{program}: {SELECT_VAR}");
        for fault in faults::all() {
            assert_eq!(holds(fault.name), ENABLED, "{program}: {}", fault.name);
        }
    }
}
