//! The real `wattle-light` beside simulated meters: what it keeps, shows, obeys and survives.
#![expect(clippy::unwrap_used, reason = "tests")]

mod anchor;
mod bind;
mod common;
mod device;
mod disk;
mod program;
mod relay;
mod status;
