//! Weighted Simplex consensus: a pure core without I/O, and light-client verification.
//!
//! [`Core`] decides on the heights of one epoch. It is driven by [`Core::step`]: an [`Input`] goes in, with the
//! monotonic time and the reading of the validator's [`Clock`], and a list of [`Output`]s comes out, to be carried out
//! in order. The core has no clock, no socket, no disk and no private key: the driver verifies signatures before votes
//! go in, and signs, makes durable and sends what comes out.
//!
//! The rules, where they differ from the paper and why, and what must be durable: `SPEC.md` beside this crate.
//! Rule numbers in comments are those of `SPEC.md`.
//!
//! Source: Chan & Pass, "Simplex Consensus: A Simple and Fast Consensus Protocol", TCC 2023.
//!
//! # Not here
//! Transactions and state (`wattle-runtime`), peers (`wattle-p2p`), files (`wattle-node`).

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::wildcard_enum_match_arm
    )
)]
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

mod block;
pub mod clock;
pub mod config;
pub mod core;
mod fetch;
pub mod header;
pub mod input;
pub mod leader;
pub mod light;
mod nullified;
pub mod output;
pub mod record;
mod tally;
mod view;

#[cfg(test)]
mod tests;

pub use self::core::{Core, Status};
pub use clock::Clock;
pub use config::{Config, Floor, MonoMs, Timing};
pub use header::HeaderError;
pub use input::{Input, Verdict, Work};
pub use leader::Rotation;
pub use light::{LightBlock, LightError, TrustedState};
pub use output::{BuildRequest, HaltReason, Output, To};
pub use record::{GivenUp, Record};
