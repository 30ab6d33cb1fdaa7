//! Guessing is made slow: each error in a row costs twice the time of the one before.
//!
//! | errors in a row | 1, 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 and more |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | minutes locked | 0 | 2 | 4 | 8 | 16 | 32 | 64 | 128 | 256 | 512 |
//!
//! A token that is taken forgives all errors; one that was already used is no error, and forgives none. What is typed
//! while it is locked is not looked at: it costs nothing, and tells nothing.
//!
//! # Time
//! Time is an argument: ms on a clock of the caller's. Two kinds will do, and they differ at power-on only
//! ([`Clock`]). A clock that is set back makes no time pass; one that anybody can set forward is none to go by: use
//! the time since power-on instead.

/// Errors in a row that cost nothing.
pub const FREE_ERRORS: u8 = 2;
/// Longest that one error locks, in minutes.
pub const WAIT_MIN_MAX: u64 = 512;
const MS_PER_MIN: u64 = 60_000;
/// Errors after which each more costs the same.
const DOUBLINGS: u32 = WAIT_MIN_MAX.ilog2();

const _: () = assert!(WAIT_MIN_MAX == 1 << DOUBLINGS);

/// A device's clock over a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Goes on: a clock with a battery, or one that was set from the network before it is first read.
    Kept,
    /// Begins again: the time since power-on. Lockout then passes only while the device has power, so no plug ends
    /// it. Write the state now and then while it is locked (each minute, say): what passed since is waited for again.
    Powered,
}

/// Errors in a row, and how long the device stays locked for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    errors: u8,
    wait_ms: u64,
    /// The reading of the clock when `wait_ms` was left.
    at_ms: u64,
}

impl Lockout {
    /// No errors.
    pub const NONE: Self = Self { errors: 0, wait_ms: 0, at_ms: 0 };

    pub(super) const fn from_parts(errors: u8, wait_ms: u64, at_ms: u64) -> Self {
        Self { errors, wait_ms, at_ms }
    }

    pub(super) const fn parts(self) -> (u8, u64, u64) {
        (self.errors, self.wait_ms, self.at_ms)
    }

    /// How long it stays locked from the time that it was last observed on, in ms; 0 when it is open.
    #[must_use]
    pub const fn wait_ms(self) -> u64 {
        self.wait_ms
    }

    /// Errors in a row.
    #[must_use]
    pub const fn errors(self) -> u8 {
        self.errors
    }

    /// The lockout at `now_ms`.
    #[must_use]
    pub const fn observe(self, now_ms: u64) -> Self {
        let passed = now_ms.saturating_sub(self.at_ms);
        Self { wait_ms: self.wait_ms.saturating_sub(passed), at_ms: now_ms, ..self }
    }

    /// The lockout of a device that has power again, its clock at `now_ms`.
    #[must_use]
    pub const fn after_power_on(self, clock: Clock, now_ms: u64) -> Self {
        match clock {
            Clock::Kept => self.observe(now_ms),
            Clock::Powered => Self { at_ms: now_ms, ..self },
        }
    }

    /// After a token that was taken.
    #[must_use]
    pub const fn after_success(self) -> Self {
        Self { errors: 0, wait_ms: 0, ..self }
    }

    /// After an invalid token.
    #[must_use]
    pub const fn after_error(self) -> Self {
        let errors = self.errors.saturating_add(1);
        let paid = errors.saturating_sub(FREE_ERRORS) as u32;
        let minutes = match paid {
            0 => 0,
            paid if paid < DOUBLINGS => 1 << paid,
            _ => WAIT_MIN_MAX,
        };
        Self { errors, wait_ms: minutes * MS_PER_MIN, ..self }
    }
}
