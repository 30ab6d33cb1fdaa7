//! Payment control: until when a device that counts time supplies.

use crate::command::Command;

/// Whether and until when a device that sells time supplies. A device that sells energy keeps a balance of its own
/// by the same rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Supply ends at a time.
    On {
        /// Seconds, on the clock that [`Control::apply`] is given.
        active_until_s: u64,
    },
    /// Paid off: supply never ends.
    Off,
}

impl Control {
    /// Payment control after a token at `now_s`. One unit of credit lasts `unit_s` seconds: 86,400 for days.
    ///
    /// ADD begins at the later of now and the end of what is left. Once payment control is off only SET resumes it:
    /// an ADD is taken and has no effect. SYNC and raw tokens change nothing here.
    #[must_use]
    pub const fn apply(self, command: Command, now_s: u64, unit_s: u32) -> Self {
        match (self, command) {
            (Self::On { active_until_s }, Command::Add { value }) => {
                let begin = if active_until_s > now_s { active_until_s } else { now_s };
                Self::On { active_until_s: begin.saturating_add(lasts_s(value, unit_s)) }
            }
            (_, Command::Set { value }) => {
                Self::On { active_until_s: now_s.saturating_add(lasts_s(value, unit_s)) }
            }
            (_, Command::Disable) => Self::Off,
            (Self::Off, Command::Add { .. }) | (_, Command::Sync | Command::Raw { .. }) => self,
        }
    }

    /// Whether the device supplies at `now_s`.
    #[must_use]
    pub const fn is_active(self, now_s: u64) -> bool {
        match self {
            Self::On { active_until_s } => active_until_s > now_s,
            Self::Off => true,
        }
    }
}

const fn lasts_s(value: u32, unit_s: u32) -> u64 {
    value as u64 * unit_s as u64 // less than 2^64
}
