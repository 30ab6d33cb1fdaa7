//! `deny.toml` held against what is locked, also where cargo-deny is not installed: bans, licences and sources.

use crate::{metadata, root};
use serde_json::Value;
use std::process::Command;

fn deny() -> toml::Value {
    toml::from_str(&std::fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap()
}

/// All packages that this machine's builds and tests are made of.
fn packages() -> Vec<Value> {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Of other platforms' packages nothing need be here.
    let mut metadata = metadata(&["--all-features", "--filter-platform", host]);
    let Value::Array(packages) = metadata["packages"].take() else { panic!("no packages") };
    assert!(packages.len() > 300, "the whole tree is read, not {} packages", packages.len());
    packages
}

#[test]
fn no_release_with_a_known_fault_is_locked() {
    let lock: toml::Value =
        toml::from_str(&std::fs::read_to_string(root().join("Cargo.lock")).unwrap()).unwrap();
    let version =
        |text: &str| -> Vec<u64> { text.split(['.', '-', '+']).map_while(|n| n.parse().ok()).collect() };
    let deny = deny();
    let bans = deny["bans"]["deny"].as_array().unwrap();
    assert!(bans.len() >= 5, "the bans are read");
    for ban in bans {
        let named = ban["crate"].as_str().unwrap();
        let (name, below) =
            named.split_once(":<").map_or((named, None), |(name, v)| (name, Some(version(v))));
        for package in lock["package"].as_array().unwrap().iter().filter(|p| p["name"].as_str() == Some(name))
        {
            let locked = version(package["version"].as_str().unwrap());
            assert!(
                below.as_ref().is_some_and(|below| locked >= *below),
                "{name} {locked:?} is banned: {named}"
            );
        }
    }
}

#[test]
fn every_licence_is_allowed() {
    let deny = deny();
    let allowed: Vec<&str> =
        deny["licenses"]["allow"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    let packages = packages();
    let wrong: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(|terms| is_allowed(terms, &allowed)))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(wrong.is_empty(), "deny.toml allows these licences to nobody:\n{}", wrong.join("\n"));
    let named = |licence: &&&str| {
        packages.iter().any(|p| p["license"].as_str().is_some_and(|terms| words(terms).contains(*licence)))
    };
    let unused: Vec<_> = allowed.iter().filter(|licence| !named(licence)).collect();
    assert!(unused.is_empty(), "nobody has these licences: {unused:?}");
}

#[test]
fn every_package_comes_from_here_or_the_registry_and_no_version_is_open() {
    let deny = deny();
    for unknown in ["unknown-registry", "unknown-git"] {
        assert_eq!(deny["sources"][unknown].as_str(), Some("deny"));
    }
    assert_eq!(deny["bans"]["wildcards"].as_str(), Some("deny"));
    for package in packages() {
        let (name, source) = (&package["name"], package["source"].as_str());
        let ours = source.is_none();
        assert!(
            ours || source == Some("registry+https://github.com/rust-lang/crates.io-index"),
            "{name} comes from {source:?}"
        );
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        for dependency in dependencies.filter(|d| ours && d["path"].is_null()) {
            assert_ne!(dependency["req"], "*", "{name} takes any version of {}", dependency["name"]);
        }
    }
}

fn words(terms: &str) -> Vec<&str> {
    terms.split([' ', '(', ')', '/']).filter(|word| !word.is_empty()).collect()
}

/// Whether one may use what is under these terms, an SPDX expression, by the allowed licences alone. An older form has
/// `/` for `OR`. A licence with an exception is not allowed by the plain one.
fn is_allowed(terms: &str, allowed: &[&str]) -> bool {
    let spaced =
        terms.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "-WITH-");
    let mut words = spaced.split_whitespace().peekable();
    let verdict = any_of(&mut words, allowed);
    verdict && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let mut verdict = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        verdict |= all_of(words, allowed);
    }
    verdict
}

fn all_of(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let mut verdict = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        verdict &= one(words, allowed);
    }
    verdict
}

fn one(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    match words.next() {
        Some("(") => {
            let verdict = any_of(words, allowed);
            verdict && words.next() == Some(")")
        }
        Some(licence) => allowed.contains(&licence),
        None => false,
    }
}

#[test]
fn terms_are_read_as_spdx_has_them() {
    let allowed = ["MIT", "Apache-2.0", "ISC"];
    let table = [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT/GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only AND ISC", true),
        ("(MIT OR GPL-3.0-only) AND ISC", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("MIT ISC", false),
        ("", false),
        ("(MIT", false),
    ];
    for (terms, want) in table {
        assert_eq!(is_allowed(terms, &allowed), want, "{terms:?}");
    }
}
