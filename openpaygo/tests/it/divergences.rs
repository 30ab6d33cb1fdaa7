//! The list of divergences, and its mirror in the README.

use openpaygo::Divergence;
use std::collections::BTreeSet;

#[test]
fn every_divergence_stands_in_the_readme_as_it_is() {
    let readme = include_str!("../../README.md");
    for divergence in Divergence::ALL {
        let references: Vec<String> = divergence.references().iter().map(ToString::to_string).collect();
        let line = format!("| `{divergence}` | {} | {} |", references.join(", "), divergence.text());
        assert!(readme.contains(&line), "the README lacks this line:\n{line}");
    }
    let names: BTreeSet<&str> = Divergence::ALL.iter().map(|divergence| divergence.name()).collect();
    assert_eq!(names.len(), Divergence::ALL.len());
    let listed = readme.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(listed, Divergence::ALL.len(), "the README lists one that is gone");
}
