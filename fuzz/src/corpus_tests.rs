//! The committed corpus through every target, without libFuzzer: what was once found stays found.

use super::{TARGETS, heap};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_input_of_the_corpus_passes_its_target() {
    for (name, target) in TARGETS {
        let mut inputs: Vec<PathBuf> = std::fs::read_dir(root().join("corpus").join(name))
            .unwrap_or_else(|e| panic!("corpus/{name}: {e}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{name} has no seed");
        for path in inputs {
            println!("{}", path.display());
            let bytes = std::fs::read(&path).unwrap();
            target(&bytes);
            // The neighbours of a seed: cut short, one byte more, a bit flipped.
            target(&bytes[..bytes.len() / 2]);
            target(&[&bytes[..], &[0]].concat());
            for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)] {
                let mut flipped = bytes.clone();
                if let Some(byte) = flipped.get_mut(at) {
                    *byte ^= 0x40;
                }
                target(&flipped);
            }
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&root().join("fuzz_targets")), known);
    assert_eq!(names(&root().join("corpus")), known);
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for name in known {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is missing in Cargo.toml");
    }
}

#[test]
fn memory_that_is_only_asked_for_counts() {
    let (_, peak) = heap::measured(|| Vec::<u8>::with_capacity(1 << 20));
    assert!(peak >= 1 << 20);
}
