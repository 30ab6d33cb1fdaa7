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
//! - `submit` brings readings to the chain and is done with one when the chain is proven to have it; `pace` says when.
//! - [`run()`] stays connected, or visits the chain on demand: `run/visit`.
//! - `relay` connects and disconnects by the operator's order or by proven credit.
//! - [`simulator`] is a meter for places without one.
//!
//! [`run()`] ties them together; [`cli`] holds the commands of `wattle-light` and of `wattle light`.
//!
//! # Not here
//! The state machine and any database: what the chain says is checked, never computed. Bills and prices.

mod board;
pub mod cli;
mod clock;
mod config;
mod files;
pub mod follow;
mod pace;
pub mod peers;
pub mod queue;
mod relay;
mod run;
pub mod sensor;
mod serial;
mod sign;
pub mod simulator;
mod status;
mod submit;
#[cfg(test)]
mod tests;
mod today;
mod wear;

pub use clock::{Clock, TimeSource};
pub use config::{CreditConfig, LightConfig, NetworkConfig, NetworkMode};
pub use relay::Order as RelayOrder;
pub use run::{LightError, run};
pub use status::{LightStatus, QueueStatus, status};
