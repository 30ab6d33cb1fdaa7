//! Faults of specifications, with their place.

use std::fmt;
use std::io;
use std::path::PathBuf;
use wattle_primitives::genesis::GenesisError;

/// A place in a text file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its line.
    pub line: usize,
    /// Its column, in characters.
    pub column: usize,
}

/// Why a specification cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file is longer than any specification.
    #[error("{} has {got} bytes, more than {max}", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// Most bytes.
        max: usize,
        /// Bytes found.
        got: usize,
    },
    /// Not TOML, an unknown or missing field, or a value of the wrong kind.
    #[error("{origin}:{place}: {message}")]
    Syntax {
        /// File or preset.
        origin: String,
        /// Where the trouble starts.
        place: Place,
        /// The parser's reason.
        message: String,
    },
    /// Well-formed, but not a genesis.
    #[error("{origin}{}: not a genesis", place.map(|p| format!(":{p}")).unwrap_or_default())]
    Genesis {
        /// File, preset or command.
        origin: String,
        /// The parameter's place, if one is at fault and was written there.
        place: Option<Place>,
        /// Which rule is broken.
        #[source]
        source: GenesisError,
    },
    /// More bootstrap addresses than a node would ever dial.
    #[error("{origin}: {got} bootstrap addresses, more than {max}")]
    Bootstrap {
        /// File or preset.
        origin: String,
        /// Most addresses.
        max: usize,
        /// Addresses given.
        got: usize,
    },
    /// No preset has this name.
    #[error("no preset named {got:?}; there are devnet and microgrid")]
    Preset {
        /// The name given.
        got: String,
    },
    /// A value does not fit TOML, such as an integer above 2^63.
    #[error("cannot be written as TOML: {message}")]
    Write {
        /// The writer's reason.
        message: String,
    },
}

impl Place {
    /// The place of byte `offset` in `text`.
    pub(crate) fn of_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let last = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count().saturating_add(1),
            column: last.chars().count().saturating_add(1),
        }
    }

    /// The place where `key` is set in `text`.
    pub(crate) fn of_key(text: &str, key: &str) -> Option<Self> {
        let is_key =
            |line: &str| line.trim_start().strip_prefix(key).is_some_and(|r| r.trim_start().starts_with('='));
        let (at, line) = text.lines().enumerate().find(|(_, line)| is_key(line))?;
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        Some(Self { line: at.saturating_add(1), column: indent.saturating_add(1) })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
