//! The network with real libp2p over loopback, and every wire type against arbitrary bytes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod addresses;
mod common;
mod finding;
mod hostile;
mod link;
mod network;
mod rejoin;
mod requests;
mod wire;
