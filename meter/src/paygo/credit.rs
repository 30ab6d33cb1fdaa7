//! Credit that a device may still supply, in Wh or in ms, and its supply beyond that.
//!
//! Use beyond credit is never taken from a later token: on the chain it settles with the meter's owner as if there were
//! no credit, and would be paid twice.

use openpaygo::Command;
use serde::{Deserialize, Serialize};

/// Credit of a device, Wh or ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Credit {
    /// Credit that is left.
    pub(crate) left: u64,
    /// Supplied beyond credit since there was some. The greatest number where nothing may be.
    pub(crate) over: u64,
    /// Payment control has ended: the device supplies whatever is left.
    pub(crate) unlocked: bool,
}

impl Credit {
    /// Of a device that has taken nothing yet: it supplies nothing, not even in grace.
    pub(crate) const NONE: Self = Self { left: 0, over: u64::MAX, unlocked: false };

    /// Takes what was used.
    pub(crate) fn draw(&mut self, used: u64) {
        if !self.unlocked {
            let beyond = used.saturating_sub(self.left);
            self.left = self.left.saturating_sub(used);
            self.over = self.over.saturating_add(beyond);
        }
    }

    /// Does what a token says; `raw` is the size of one of its units.
    pub(crate) fn apply(&mut self, command: Command, raw: u64) {
        let size = |value: u32| raw.saturating_mul(value.into());
        match command {
            Command::Add { value } if !self.unlocked => self.put(self.left.saturating_add(size(value))),
            Command::Set { value } => {
                self.unlocked = false;
                self.put(size(value));
            }
            Command::Disable => self.unlocked = true,
            Command::Add { .. } | Command::Sync | Command::Raw { .. } => {}
        }
    }

    /// Has so much left from now on. Without any the supply ends at once, as a token that sets it to nothing demands.
    pub(crate) fn put(&mut self, left: u64) {
        self.left = left;
        self.over = if left > 0 { 0 } else { u64::MAX };
    }

    /// Whether the device supplies, where so much `beyond` its credit may be.
    pub(crate) const fn supplies(&self, beyond: u64) -> bool {
        self.unlocked || self.left > 0 || self.over < beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of (command or use, left, over, whether it supplies with 50 beyond credit).
    #[test]
    fn tokens_give_and_use_takes_and_what_is_beyond_is_not_taken_again() {
        enum Step {
            Token(Command),
            Used(u64),
        }
        use Step::{Token, Used};
        let rows = [
            (Used(5), 0, u64::MAX, false), // no grace before the first token
            (Token(Command::Add { value: 2 }), 200, 0, true),
            (Used(150), 50, 0, true),
            (Used(70), 0, 20, true),
            (Used(30), 0, 50, false),
            (Used(7), 0, 57, false),
            (Token(Command::Add { value: 1 }), 100, 0, true),
            (Token(Command::Set { value: 3 }), 300, 0, true),
            (Token(Command::Sync), 300, 0, true),
            (Token(Command::Set { value: 0 }), 0, u64::MAX, false), // cut off: no grace
            (Token(Command::Add { value: 0 }), 0, u64::MAX, false),
            (Token(Command::Disable), 0, u64::MAX, true),
            (Used(1_000_000), 0, u64::MAX, true),
            (Token(Command::Add { value: 9 }), 0, u64::MAX, true), // has no effect
            (Token(Command::Set { value: 1 }), 100, 0, true),
            (Used(100), 0, 0, true),
            (Used(u64::MAX), 0, u64::MAX, false),
        ];
        let mut credit = Credit::NONE;
        for (row, (step, left, over, supplies)) in rows.into_iter().enumerate() {
            match step {
                Token(command) => credit.apply(command, 100),
                Used(used) => credit.draw(used),
            }
            assert_eq!((credit.left, credit.over), (left, over), "row {row}");
            assert_eq!(credit.supplies(50), supplies, "row {row}");
        }
    }
}
