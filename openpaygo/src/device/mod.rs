//! A device that takes tokens: decodes them at the same cost at every count, and locks out guessing.
//!
//! Nothing here keeps time or writes to disk. The order in which a token is redeemed:
//!
//! 1. [`Device::apply`] tells what the token does, and the state after it. Nothing has changed yet.
//! 2. The caller writes that [`State`] *and* the credit in one atomic write. Cut off before it is through, the token
//! is unspent; after it, spent and credited; never both or neither.
//! 3. [`Device::commit`] goes on from the new state, and brings the table of codes forward, which takes as long as
//! some thousand hashes for each count: after the customer has seen the credit.
//!
//! An invalid token is written the same way, or a reboot would forgive it.
//!
//! # Not here
//! Extended tokens: their million bases have no table, and [`decode`](crate::decode) is for them.

mod lockout;
mod state;
mod table;

pub use lockout::{Clock, FREE_ERRORS, Lockout, WAIT_MIN_MAX};
pub use state::{STATE_BYTES, State, StateError};
pub use table::TABLE_BYTES;

use crate::chain::{Chain as _, Standard};
use crate::decode::{Outcome, Walk};
use crate::digits::{Token, Width};
use crate::profile::Profile;
use crate::secret::Secret;
use table::Table;

/// A device of the profile [`Own`](Profile::Own).
///
/// Holds the code of each of the 1,000 values at the count [`OLDER_WINDOW`](crate::OLDER_WINDOW) before the last one
/// (4 kB), so that decoding hashes 80 times at most, 116 for a SYNC, whatever the count. A token of before that
/// count is not recognized any more: it is invalid, where stateless decoding calls it used.
pub struct Device {
    secret: Secret,
    state: State,
    table: Table,
}

/// A token that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Result of decoding it.
    pub outcome: Outcome,
    /// The state after it: to be written before the outcome is acted on.
    pub state: State,
}

/// Why a token was not looked at. It is neither spent nor counted as an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEvaluated {
    /// Too many errors before it.
    #[error("locked for another {} s", .wait_ms.div_ceil(1000))]
    Locked {
        /// How long it stays so, in ms.
        wait_ms: u64,
    },
    /// It is an extended one.
    #[error("this device takes standard tokens only")]
    Extended,
}

impl Device {
    /// A device in a state, its table derived: 1,000 hashes for each count up to the last one. At count 60,000 that
    /// is seconds: keep [`Device::table_bytes`] where that is too long.
    #[must_use]
    pub fn new(secret: Secret, state: State) -> Self {
        let mut table = Table::start(&secret);
        table.advance(&secret, state.window.last());
        Self { secret, state, table }
    }

    /// The same with a table that was kept. One that does not fit, or is damaged, is derived anew; one that lags is
    /// brought forward.
    #[must_use]
    pub fn with_table(secret: Secret, state: State, bytes: &[u8]) -> Self {
        match Table::from_bytes(&secret, state.window.last(), bytes) {
            Some(mut table) => {
                table.advance(&secret, state.window.last());
                Self { secret, state, table }
            }
            None => Self::new(secret, state),
        }
    }

    /// The outcome of a token at `now_ms`, a reading of the clock that the [`Lockout`] goes by. Changes nothing.
    ///
    /// # Errors
    /// [`NotEvaluated`].
    pub fn apply(&self, token: Token, now_ms: u64) -> Result<Applied, NotEvaluated> {
        let lockout = self.state.lockout.observe(now_ms);
        if lockout.wait_ms() > 0 {
            return Err(NotEvaluated::Locked { wait_ms: lockout.wait_ms() });
        }
        if token.format().width == Width::Extended {
            return Err(NotEvaluated::Extended);
        }
        let (outcome, window) = self.decode(token);
        let lockout = match outcome {
            Outcome::Credit { .. } => lockout.after_success(),
            Outcome::AlreadyUsed => lockout,
            Outcome::Invalid => lockout.after_error(),
        };
        Ok(Applied { outcome, state: State { window, lockout } })
    }

    fn decode(&self, token: Token) -> (Outcome, crate::Window) {
        let window = self.state.window;
        let Some(wanted) = Standard::code(token.number()) else { return (Outcome::Invalid, window) };
        let base = Standard::base(wanted);
        let (at, code) = self.table.code(base);
        let mut walk = Walk::<Standard> { hasher: self.secret.hasher(), at, code, wanted, base };
        walk.search(
            Profile::Own,
            window,
            Width::Standard,
            Standard::value_of(self.secret.starting_code(), base),
        )
    }

    /// Goes on from a state that was written.
    pub fn commit(&mut self, state: State) {
        self.state = state;
        self.table.advance(&self.secret, state.window.last());
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The state as it is kept.
    #[must_use]
    pub fn state_bytes(&self, state: State) -> [u8; STATE_BYTES] {
        state.to_bytes(&self.secret)
    }

    /// The table as it is kept: [`TABLE_BYTES`], to be handled like the secret. It need not be written with each
    /// token.
    #[must_use]
    pub fn table_bytes(&self) -> [u8; TABLE_BYTES] {
        self.table.to_bytes(&self.secret)
    }
}
