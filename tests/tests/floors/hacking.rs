//! The lists of `HACKING.md`: what it says to touch for one more call, method, profile or parameter is what every one
//! of those that exist has touched.

use super::root;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wattle_primitives::Call;

/// The files that each section of the page names, by the section's title, in order.
fn lists() -> BTreeMap<String, Vec<String>> {
    let page = std::fs::read_to_string(root().join("HACKING.md")).unwrap();
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut title = String::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            title = name.to_owned();
        } else if let Some(path) = line.strip_prefix("- `").and_then(|rest| rest.split('`').next()) {
            lists.entry(title.clone()).or_default().push(path.to_owned());
        }
    }
    lists
}

/// Every file at or below `path`.
fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| files(&path)).collect()
}

/// Whether a file at or below `path` names one of `names`.
fn names(path: &str, names: &[&str]) -> bool {
    files(&root().join(path)).iter().any(|file| {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        names.iter().any(|name| text.contains(name))
    })
}

fn camel(snake: &str) -> String {
    snake.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

#[test]
fn every_call_is_where_the_page_says() {
    let list = &lists()["To add a call"];
    assert_eq!(list.len(), 9);
    for (module, calls) in Call::NAMES {
        for call in *calls {
            for path in list {
                let path = path.replace("<module>", module).replace("<call>", call);
                assert!(names(&path, &[call, &camel(call)]), "{path} does not name {module} {call}");
            }
        }
    }
}

#[test]
fn every_module_is_where_the_page_says() {
    let list = &lists()["To add a module"];
    assert_eq!(list.len(), 7);
    for (module, _) in Call::NAMES {
        for path in list {
            let path = path.replace("<module>", module);
            assert!(names(&path, &[module, &camel(module)]), "{path} does not name {module}");
        }
    }
}

#[test]
fn every_method_is_where_the_page_says() {
    let list = &lists()["To add an RPC method"];
    assert_eq!(list.len(), 4);
    let methods: Vec<&str> = wattle_rpc::method_names().collect();
    assert!(methods.len() > 30, "{methods:?}");
    for path in ["rpc-types/src", "docs/rpc.md"] {
        assert!(list.iter().any(|listed| listed == path), "{path} left the list");
        for method in &methods {
            assert!(names(path, &[method]), "{path} does not name {method}");
        }
    }
    for path in list {
        assert!(root().join(path).exists(), "{path}");
    }
}

#[test]
fn every_parameter_is_where_the_page_says() {
    let list = &lists()["To add a parameter"];
    assert_eq!(list.len(), 3);
    let presets = files(&root().join("chain-spec/specs"));
    // A preset says all parameters, or it is refused.
    let preset: toml::Table = std::fs::read_to_string(&presets[0]).unwrap().parse().unwrap();
    for name in preset["genesis"]["params"].as_table().unwrap().keys() {
        for path in list {
            let places: Vec<String> = if path.contains("<preset>") {
                let stem = |preset: &PathBuf| preset.file_stem().unwrap().to_str().unwrap().to_owned();
                presets.iter().map(|preset| path.replace("<preset>", &stem(preset))).collect()
            } else {
                vec![path.clone()]
            };
            for path in places {
                assert!(names(&path, &[name]), "{path} does not name {name}");
            }
        }
    }
}

#[test]
fn every_place_on_the_page_exists() {
    for (title, list) in lists() {
        for path in list.iter().filter(|path| !path.contains('<')) {
            assert!(root().join(path).exists(), "{title}: {path}");
        }
    }
    let page = std::fs::read_to_string(root().join("HACKING.md")).unwrap();
    let entries = page.lines().skip_while(|line| !line.starts_with("| to understand")).skip(2);
    for line in entries.take_while(|line| line.starts_with('|')) {
        for path in line.split('`').skip(1).step_by(2) {
            assert!(root().join(path).exists(), "{path}");
        }
    }
}
