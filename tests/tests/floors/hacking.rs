//! The lists of `HACKING.md`: what it says to touch for one more call, method, profile, command or parameter is what
//! every one of those that exist has touched.

use super::root;
use clap::CommandFactory as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wattle_node::commands::Cli;
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
                // The protocol has a line for it, in a table; elsewhere it is named.
                let is_there = if path == "docs/protocol.md" {
                    let line = |line: &str| {
                        let mut words = line.split_whitespace();
                        words.next().is_some_and(|word| word.parse::<u8>().is_ok())
                            && words.next() == Some(*call)
                    };
                    std::fs::read_to_string(root().join(&path)).unwrap().lines().any(line)
                } else {
                    names(&path, &[call, &camel(call)])
                };
                assert!(is_there, "{path} does not name {module} {call}");
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

/// The words of every command that has no further ones below it.
fn commands(command: &clap::Command, words: &[String], into: &mut Vec<Vec<String>>) {
    for sub in command.get_subcommands() {
        commands(sub, &[words, &[format!("\"{}\"", sub.get_name())]].concat(), into);
    }
    if !command.has_subcommands() {
        into.push(words.to_vec());
    }
}

/// Sources of tests at or below `path`, broken into lines nowhere.
fn sources(path: &str) -> Vec<String> {
    let rust =
        files(&root().join(path)).into_iter().filter(|file| file.extension().is_some_and(|e| e == "rs"));
    let text = rust.map(|file| std::fs::read_to_string(file).unwrap());
    text.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ").replace("[ ", "[")).collect()
}

#[test]
fn every_command_is_run_where_the_page_says() {
    let list = &lists()["To add a command"];
    let [_, runs] = &list[..] else { panic!("{list:?}") };
    let (runs, of_light) = (sources(runs), sources("meter/tests"));
    let mut all = Vec::new();
    commands(&Cli::command(), &[], &mut all);
    assert!(all.len() > 100, "{} commands", all.len());
    for words in all {
        let (whole, group, rest) = (
            format!("[{}", words.join(", ")),
            format!("[{}", words[0]),
            format!("[{}", words[1..].join(", ")),
        );
        // Beside it where a helper puts the group's name before its commands.
        let is_run = |text: &String| {
            text.contains(&whole) || words.len() > 1 && text.contains(&group) && text.contains(&rest)
        };
        // The commands of `wattle-light`, which are run as such.
        let light = words[0] == "\"light\"" && of_light.iter().any(|text| text.contains(&rest));
        assert!(light || runs.iter().any(is_run), "no test runs wattle {}", words.join(" "));
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
