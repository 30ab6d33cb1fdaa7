use super::*;
use std::collections::BTreeSet;
use std::path::Path;

fn walk(dir: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, into);
        } else {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("explorer");
            into.insert(format!("/{}", path.strip_prefix(root).unwrap().to_str().unwrap()));
        }
    }
}

#[test]
fn every_file_is_served_and_is_what_its_name_says() {
    let mut there = BTreeSet::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("explorer"), &mut there);
    let mut served: BTreeSet<String> = FILES.iter().map(|file| file.path.to_owned()).collect();
    served.insert("/index.html".to_owned());
    assert_eq!(served, there);
    for file in FILES {
        let want = match file.path.rsplit('.').next().unwrap() {
            "css" => CSS,
            "svg" => SVG,
            "js" => SCRIPT,
            other => panic!("{other}"),
        };
        assert_eq!(file.kind, want, "{}", file.path);
    }
}

/// A breach of the policy would only show in the reader's browser: no markup from text, no inline script or style,
/// nothing from elsewhere.
#[test]
fn the_sources_keep_to_the_policy() {
    let forbidden = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "srcdoc",
        "setAttribute(\"style\"",
        " style=",
        "<style",
        "javascript:",
        " onclick=",
        " onload=",
        "https://",
        "import(",
    ];
    for file in FILES.iter().chain([&INDEX]) {
        let text = std::str::from_utf8(file.bytes).unwrap();
        for word in forbidden {
            assert!(!text.contains(word), "{} contains {word:?}", file.path);
        }
        for at in text.match_indices("http://").map(|(at, _)| at) {
            assert!(text[at..].starts_with("http://www.w3.org/2000/svg"), "{}: an address", file.path);
        }
    }
    let index = std::str::from_utf8(INDEX.bytes).unwrap();
    assert_eq!(index.matches("<script").count(), index.matches("<script src=\"/").count() + 1);
    assert!(index.contains("<script type=\"module\" src=\"/js/app.js\"></script>"));
}

/// Goal: no event is shown as a heap of fields: each type has its sentence, and none is left of a type that is gone.
#[test]
fn every_event_type_has_its_sentence() {
    let script = include_str!("../explorer/js/events.js");
    let lines = script.split_once("const LINES = {").and_then(|(_, rest)| rest.split_once("\n};"));
    let lines = lines.map_or("", |(lines, _)| lines);
    let sentence = |line: &'static str| Some(line.strip_prefix("  ")?.split_once(": (e) =>")?.0);
    let named: Vec<&str> = lines.lines().filter_map(sentence).collect();
    for kind in wattle_primitives::Event::types() {
        assert!(named.contains(&kind), "{kind} has no sentence in events.js");
    }
    assert_eq!(named.len(), wattle_primitives::Event::types().count(), "{named:?}");
}
