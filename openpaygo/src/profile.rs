//! Firmware profiles: devices in the field differ in the tokens that they take, and an issuer must know which it
//! sells to.

use crate::command::{Command, DISABLE_VALUE, EXTENDED_VALUE_MAX, Kind, SYNC_VALUE, VALUE_MAX};
use crate::count::Count;
use crate::digits::Width;

/// The firmware of a device model.
///
/// | | [`Python`](Self::Python) | [`CFirmware`](Self::CFirmware) | [`Own`](Self::Own) |
/// |---|---|---|---|
/// | a SYNC of an earlier count | taken up to 63 back, lowers it | the same, but never lowers it | refused |
/// | 998 and 999 at an even count | never issued, refused | disables, synchronizes | never issued, refused |
/// | greatest count | 4,294,967,295 | 65,535 | 65,535 |
/// | count 0 | refused | refused | refused |
/// | 996 and 997 (standard tokens) | never issued, refused | never issued, refused | never issued, refused |
/// | an older token that adds | up to 15 back, once | up to 15 back, once | up to 15 back, once |
/// | after DISABLE | only SET resumes payment control | the same | the same |
/// | ADD begins | at max(now, active until) | the same | the same |
/// | extended tokens | typed as standard ones | a raw value, at any greater count | typed as standard ones |
///
/// Where an implementation departs from its column it has a defect: see [`Divergence`](crate::Divergence).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The Python reference, `openpaygo` 0.6.3.
    Python,
    /// The C firmware, OpenPAYGO-HW.
    CFirmware,
    /// A device that runs this crate.
    Own,
}

/// A device's handling of a SYNC of a count that is not greater than its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OlderSync {
    /// Takes it and goes back to it.
    Lowers,
    /// Takes it and stays where it is.
    Stays,
    /// Refuses it: it has gone there already.
    Refused,
}

/// How far ahead of the last count a token is looked for.
pub const JUMP: u32 = 64;
/// The same for a SYNC.
pub const SYNC_JUMP: u32 = 100;

/// Why an issuer may not make a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The value is greater than a token of this width carries.
    #[error("value {value} exceeds {max}")]
    ValueTooHigh {
        /// Units asked for.
        value: u32,
        /// Most that there may be.
        max: u32,
    },
    /// The value has a meaning of its own.
    #[error("value {value} is reserved")]
    ValueReserved {
        /// Units asked for.
        value: u32,
    },
    /// The device's counter would not hold the next count.
    #[error("count {last} is followed by none up to {max}")]
    CountsExhausted {
        /// Last count of the device.
        last: Count,
        /// Greatest count of its firmware.
        max: Count,
    },
    /// The firmware knows no such token.
    #[error("this firmware knows no {kind} token of this width")]
    Unsupported {
        /// Kind asked for.
        kind: Kind,
    },
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Python, Self::CFirmware, Self::Own];

    /// The greatest count that such a device can be brought to.
    #[must_use]
    pub const fn count_max(self) -> Count {
        match self {
            Self::Python => Count(u32::MAX),
            Self::CFirmware | Self::Own => Count(u16::MAX as u32),
        }
    }

    /// The count of the next token of a kind after `last`: the next even one for ADD, the next odd one for SET,
    /// DISABLE and SYNC, the next one for a raw token.
    ///
    /// # Errors
    /// [`IssueError::CountsExhausted`], [`IssueError::Unsupported`] for a raw token.
    pub fn next_count(self, kind: Kind, last: Count) -> Result<Count, IssueError> {
        let by = match kind {
            Kind::Add if last.is_even() => 2,
            Kind::Set | Kind::Disable | Kind::Sync if !last.is_even() => 2,
            Kind::Add | Kind::Set | Kind::Disable | Kind::Sync => 1,
            Kind::Raw if self == Self::CFirmware => 1,
            Kind::Raw => return Err(IssueError::Unsupported { kind }),
        };
        let (next, max) = (last.0.checked_add(by), self.count_max());
        let next = next.map(Count).filter(|next| *next <= max);
        next.ok_or(IssueError::CountsExhausted { last, max })
    }

    /// Whether an issuer may make a token of this command.
    ///
    /// # Errors
    /// [`IssueError`].
    pub const fn check(self, command: Command, width: Width) -> Result<(), IssueError> {
        let is_raw = matches!(command, Command::Raw { .. });
        let takes_raw = matches!((self, width), (Self::CFirmware, Width::Extended));
        if is_raw != takes_raw {
            return Err(IssueError::Unsupported { kind: command.kind() });
        }
        let (value, max) = match (command, width) {
            (Command::Disable | Command::Sync, _) => return Ok(()),
            (Command::Add { value } | Command::Set { value }, Width::Standard) => (value, VALUE_MAX),
            (Command::Raw { value } | Command::Add { value } | Command::Set { value }, _) => {
                (value, EXTENDED_VALUE_MAX)
            }
        };
        match value {
            _ if value > max => Err(IssueError::ValueTooHigh { value, max }),
            DISABLE_VALUE | SYNC_VALUE if !is_raw => Err(IssueError::ValueReserved { value }),
            _ => Ok(()),
        }
    }

    /// The command that a value stands for at a count; `None` when it stands for none.
    pub(crate) const fn command(self, width: Width, value: u32, count: Count) -> Option<Command> {
        if count.0 == 0 {
            return None;
        }
        match (self, width, value) {
            (Self::CFirmware, Width::Extended, value) => Some(Command::Raw { value }),
            (_, Width::Standard, 996 | 997) => None,
            (Self::CFirmware, Width::Standard, DISABLE_VALUE) => Some(Command::Disable),
            (Self::CFirmware, Width::Standard, SYNC_VALUE) => Some(Command::Sync),
            (_, _, DISABLE_VALUE) if !count.is_even() => Some(Command::Disable),
            (_, _, SYNC_VALUE) if !count.is_even() => Some(Command::Sync),
            (_, _, DISABLE_VALUE | SYNC_VALUE) => None,
            (_, _, value) if count.is_even() => Some(Command::Add { value }),
            (_, _, value) => Some(Command::Set { value }),
        }
    }

    pub(crate) const fn older_sync(self) -> OlderSync {
        match self {
            Self::Python => OlderSync::Lowers,
            Self::CFirmware => OlderSync::Stays,
            Self::Own => OlderSync::Refused,
        }
    }
}
