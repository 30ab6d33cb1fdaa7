//! The light node: stands beside meters, signs what they show, and sees to it that the chain has it.
//!
//! ```text
//! meters ──Modbus──▶ sensor ──▶ filter ──▶ sign ──▶ queue ──▶ submit ──libp2p──▶ validators
//!                       │                                        ▲                  │
//!                       ▼                                        │   pace           ▼
//!                  board ──▶ status page        relay ◀── credit ◀── follow (certificates, proofs)
//! ```
//! - [`sensor`] reads by a declarative profile; energy words stay as they were read.
//! - [`queue`] keeps signed readings through power cuts, and never gives a number out twice.
//! - [`follow`] believes finalized headers from a checkpoint on, and state only with a proof.
//! - [`submit`] brings readings to the chain and is done with one when the chain is proven to have it; [`pace`] says
//!   when.
//! - [`relay`] connects and disconnects by the operator's order or by proven credit.
//! - [`simulator`] is a meter for places without one.
//!
//! [`run()`] ties them together; [`cli`] is what `wattle-light` and `wattle light` are told to do.
//!
//! # Not here
//! The state machine and any database: what the chain says is checked, never computed. Bills and prices.

mod board;
pub mod cli;
mod clock;
mod config;
#[cfg(test)]
mod crash_tests;
mod files;
pub mod follow;
pub mod pace;
pub mod peers;
pub mod queue;
pub mod relay;
mod run;
pub mod sensor;
mod serial;
mod sign;
pub mod simulator;
mod status;
pub mod submit;
#[cfg(test)]
mod testchain;
mod today;
mod wear;

pub use board::{ChainFacts, Credit, Today};
pub use clock::{Clock, TimeSource};
pub use config::{
    CONFIG_BYTES_MAX, ConfigError, CreditConfig, LightConfig, PEERS_MAX, RelayConfig, RelayTarget,
};
pub use follow::{NextPrice, Tariff};
pub use run::{LightError, run};
pub use sensor::{BusConfig, MeterConfig};
pub use sign::Signer;
pub use status::{
    DiskStatus, LightStatus, LiveStatus, MeterStatus, QueueFacts, QueueStatus, RefusedByChain, StatusError,
    TrustedHead, status,
};
