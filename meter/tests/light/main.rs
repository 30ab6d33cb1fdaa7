//! The real `wattle-light` beside simulated meters: what it keeps, shows, obeys and survives.
#![expect(clippy::unwrap_used, reason = "tests")]

mod anchor;
mod common;
mod program;
mod relay;
mod status;
