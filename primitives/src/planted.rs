//! Planted faults: known bugs that show whether the tests would notice one.
//!
//! [`planted!`](crate::planted!) stands at the decision that a fault gets wrong. Without the feature `zoo` it is
//! false: no code, and no name of a fault in the program. With it, a process commits the one fault that
//! `WATTLE_FAULT` names, and none when the variable is unset or empty. `scripts/zoo` runs tests and simulation against
//! every fault, `docs/zoo.md` tells what came of it, and `tests/src/faults.txt` lists them all: a fault stands in one
//! file, under a name that nothing else has.
//!
//! A plant comes last in its condition, so that it counts as reached only where it changes what happens:
//! `if bad && !planted!("bad-accepted")`.

/// Whether this build can commit faults.
pub const ENABLED: bool = cfg!(feature = "zoo");

/// Names the fault to commit.
pub const SELECT_VAR: &str = "WATTLE_FAULT";
/// Names a file to which each process appends a line `<process id> <times reached>` whenever that number doubles.
pub const REACHED_VAR: &str = "WATTLE_FAULT_REACHED";

/// True where the fault of this name is to be committed: never without the feature `zoo`. A further argument is the
/// condition under which the fault makes a difference, evaluated only when the fault is selected.
#[cfg(feature = "zoo")]
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::planted!($name, true)
    };
    ($name:literal, $when:expr) => {
        $crate::planted::active($name, || $when)
    };
}

/// False, in a build without the feature `zoo`. With it, true where the fault of this name is to be committed.
#[cfg(not(feature = "zoo"))]
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::planted!($name, true)
    };
    ($name:literal, $when:expr) => {
        $crate::planted::never(|| $when)
    };
}

/// False, without a look at the condition. For [`planted!`](crate::planted!).
#[cfg(not(feature = "zoo"))]
#[inline(always)]
#[must_use]
pub fn never(_when: impl FnOnce() -> bool) -> bool {
    false
}

#[cfg(feature = "zoo")]
pub use selection::active;

#[cfg(feature = "zoo")]
mod selection {
    use super::{REACHED_VAR, SELECT_VAR};
    use std::io::Write as _;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static SELECTED: OnceLock<Option<String>> = OnceLock::new();
    static REACHED: AtomicU64 = AtomicU64::new(0);

    /// Whether the fault of this name is to be committed where `when` holds. For [`planted!`](crate::planted!).
    #[must_use]
    pub fn active(name: &'static str, when: impl FnOnce() -> bool) -> bool {
        let selected = SELECTED.get_or_init(|| std::env::var(SELECT_VAR).ok());
        let hit = selected.as_deref() == Some(name) && when();
        if hit {
            note();
        }
        hit
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
