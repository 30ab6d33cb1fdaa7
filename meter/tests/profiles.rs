//! The list of files to touch for a new built-in profile, held for those that are there: forgetting one fails here.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use wattle_meter::sensor::BUILT_IN;

/// The section of the documentation that tells how to add a profile.
const GUIDE: (&str, &str) = ("docs/meters.md", "## Add a built-in profile");

/// (file, the text that it must hold for the profile `NAME`), as the guide lists them.
const FILES: [(&str, &str); 6] = [
    ("meter/profiles/NAME.toml", "# "),
    ("meter/src/sensor/profile.rs", "(\"NAME\", "),
    ("meter/src/sensor/profile_tests.rs", "(\"NAME\", "),
    ("meter/tests/pymodbus_server.py", "\"NAME\": "),
    ("meter/tests/pymodbus/main.rs", "\"NAME\""),
    ("docs/meters.md", "| `NAME` | "),
];

fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_profile_is_built_in_documented_and_read_against_pymodbus() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut found: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| stem(&entry.unwrap().path())).collect();
    found.sort_unstable();
    let mut known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(found, known, "the files in meter/profiles, and those that are built in");
    for name in known {
        for (file, wanted) in FILES {
            let (file, wanted) = (file.replace("NAME", name), wanted.replace("NAME", name));
            assert!(text(&file).contains(&wanted), "{file} does not hold {wanted} for the profile {name}");
        }
    }
}

#[test]
fn the_guide_lists_these_files_and_no_others() {
    let (page, heading) = GUIDE;
    let page = text(page);
    let section = page.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed, FILES.map(|(file, _)| file));
}
