//! Every fault that is planted: the file in which it is planted, its name, and what goes wrong with it.
//!
//! `faults.txt` names each file, from the root of the workspace, and under it its faults. The names are those of
//! `planted!` in the code (`wattle_primitives::planted`): `tests/tests/zoo.rs` holds the list to the code, and
//! `scripts/zoo` runs the tests and the simulation against each fault.

/// A bug that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Name for `planted!` and `WATTLE_FAULT`.
    pub name: &'static str,
    /// The one file in which it is planted.
    pub file: &'static str,
    /// The fault, in words.
    pub breaks: &'static str,
}

/// All faults, in the order of the crates.
pub fn all() -> impl Iterator<Item = Fault> {
    let mut file = "";
    include_str!("faults.txt").lines().filter_map(move |line| match line.trim_start().split_once(": ") {
        Some((name, breaks)) => Some(Fault { name, file, breaks }),
        None => {
            file = line;
            None
        }
    })
}
