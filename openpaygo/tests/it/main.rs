//! Tokens, devices and metrics against given vectors and against their promises.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod device;
mod divergences;
mod examples;
mod guessing;
mod lockout;
mod metrics;
mod properties;
mod random;
mod tokens;
mod values;
mod vectors;
