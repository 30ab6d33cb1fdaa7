//! A token's order to its device.

use core::fmt;

/// Greatest value of a standard token that adds or sets.
pub const VALUE_MAX: u32 = 995;
/// Greatest value of an extended token.
pub const EXTENDED_VALUE_MAX: u32 = 999_999;
/// The value that ends payment control.
pub const DISABLE_VALUE: u32 = 998;
/// The value that brings the count forward.
pub const SYNC_VALUE: u32 = 999;

/// A token's order to its device. Values are raw: units of credit as the device counts them, before any
/// [`Divider`](crate::Divider).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Add credit to what is left.
    Add {
        /// Units of credit.
        value: u32,
    },
    /// Have this much credit, whatever is left. 0 cuts supply.
    Set {
        /// Units of credit.
        value: u32,
    },
    /// End payment control: the contract is paid off.
    Disable,
    /// Bring the count forward, for a device that has missed too many tokens.
    Sync,
    /// A setting of the device model's own; extended tokens of firmware that knows no types.
    Raw {
        /// Its meaning is the model's.
        value: u32,
    },
}

/// The kind of a [`Command`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Command::Add`].
    Add,
    /// [`Command::Set`].
    Set,
    /// [`Command::Disable`].
    Disable,
    /// [`Command::Sync`].
    Sync,
    /// [`Command::Raw`].
    Raw,
}

impl Command {
    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Add { .. } => Kind::Add,
            Self::Set { .. } => Kind::Set,
            Self::Disable => Kind::Disable,
            Self::Sync => Kind::Sync,
            Self::Raw { .. } => Kind::Raw,
        }
    }

    /// The number that the token carries.
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::Add { value } | Self::Set { value } | Self::Raw { value } => value,
            Self::Disable => DISABLE_VALUE,
            Self::Sync => SYNC_VALUE,
        }
    }
}

impl Kind {
    /// Its name: `add`, `set`, `disable`, `sync` or `raw`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Set => "set",
            Self::Disable => "disable",
            Self::Sync => "sync",
            Self::Raw => "raw",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
