//! Planted faults: known bugs that show whether the tests would notice one.
//!
//! [`planted!`](crate::planted!) stands at the decision that a fault gets wrong. Without the feature `zoo` it is the
//! constant `false`: no code, and no name of a fault in the program. With it, a process commits the one fault that
//! `WATTLE_FAULT` names, and none when the variable is unset or empty. `scripts/zoo` runs tests and simulation against
//! every fault; `docs/zoo.md` tells what came of it.
//!
//! A plant comes last in its condition, so that it counts as reached only where it changes what happens:
//! `if bad && !planted!("bad-accepted")`.

/// A bug that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What `WATTLE_FAULT` and [`planted!`](crate::planted!) call it.
    pub name: &'static str,
    /// The one file in which it is planted, from the root of the workspace.
    pub file: &'static str,
    /// What goes wrong with it.
    pub breaks: &'static str,
}

/// Whether this build can commit faults.
pub const ENABLED: bool = cfg!(feature = "zoo");

/// Names the fault to commit.
pub const SELECT_VAR: &str = "WATTLE_FAULT";
/// Names a file to which each process appends a line `<process id> <times reached>` whenever that number doubles.
pub const REACHED_VAR: &str = "WATTLE_FAULT_REACHED";

/// True where the fault of this name is to be committed: never without the feature `zoo`. The name must be one of
/// [`FAULTS`](crate::planted::FAULTS), or the build fails. A further argument is the condition under which the fault
/// makes a difference, evaluated only when the fault is selected.
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::planted!($name, true)
    };
    ($name:literal, $when:expr) => {
        $crate::planted::active::<{ $crate::planted::number($name) }>(|| $when)
    };
}

/// Position of a fault in [`FAULTS`]. For [`planted!`](crate::planted!), at compile time.
///
/// # Panics
/// When there is no such fault.
#[must_use]
#[expect(clippy::arithmetic_side_effects, reason = "counts up to the length of a list, at compile time")]
pub const fn number(name: &str) -> usize {
    let mut at = 0;
    while at < FAULTS.len() {
        if same(FAULTS[at].name.as_bytes(), name.as_bytes()) {
            return at;
        }
        at += 1;
    }
    panic!("no such fault: list it in primitives/src/planted/faults.rs");
}

#[expect(clippy::arithmetic_side_effects, reason = "counts up to the length of a name, at compile time")]
const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// Whether fault number `FAULT` is to be committed where `when` holds. See [`planted!`](crate::planted!).
#[cfg(not(feature = "zoo"))]
#[inline]
#[must_use]
pub fn active<const FAULT: usize>(_when: impl FnOnce() -> bool) -> bool {
    false
}

#[cfg(feature = "zoo")]
pub use selection::active;

#[cfg(feature = "zoo")]
mod selection {
    use super::{FAULTS, REACHED_VAR, SELECT_VAR};
    use std::io::Write as _;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static SELECTED: OnceLock<Option<usize>> = OnceLock::new();
    static REACHED: AtomicU64 = AtomicU64::new(0);

    /// Whether fault number `FAULT` is to be committed where `when` holds. See [`planted!`](crate::planted!).
    #[must_use]
    pub fn active<const FAULT: usize>(when: impl FnOnce() -> bool) -> bool {
        let hit = *SELECTED.get_or_init(select) == Some(FAULT) && when();
        if hit {
            note();
        }
        hit
    }

    fn select() -> Option<usize> {
        let name = std::env::var(SELECT_VAR).ok().filter(|name| !name.is_empty())?;
        let at = FAULTS.iter().position(|fault| fault.name == name);
        if at.is_none() {
            eprintln!("{SELECT_VAR}: no fault is named {name}; scripts/zoo --list names them");
            std::process::exit(2); // a run without the fault would look like one that survived it
        }
        at
    }

    /// Tells at the first, second, fourth, eighth time and so on: killed processes tell nothing at their end.
    fn note() {
        let times = REACHED.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let Some(path) = std::env::var_os(REACHED_VAR).filter(|_| times.is_power_of_two()) else { return };
        let line = format!("{} {times}\n", std::process::id());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            eprintln!("{REACHED_VAR}: {error}");
            std::process::exit(2);
        }
    }
}

mod faults;

pub use faults::FAULTS;
