//! The light node: stands beside a meter, signs what it shows, and sees to it that the chain has it.
//!
//! ```text
//! meter ──Modbus TCP──▶ sensor ──▶ filter ──▶ sign ──▶ queue ──▶ submit ──libp2p──▶ validators
//!                                                                  ▲
//!                                     follow (certificates, proofs) ┘
//! ```
//! - [`sensor`] reads by a declarative profile; energy words stay as they were read.
//! - [`queue`] keeps signed readings through power cuts, and never gives a number out twice.
//! - [`follow`] believes finalized headers from a checkpoint on, and state only with a proof.
//! - [`submit`] brings readings to the chain and is done with one when the chain is proven to have it.
//! - [`simulator`] is a meter for places without one.
//!
//! [`run()`] ties them together; `wattle-light` is a slim binary around it.
//!
//! # Not here
//! The state machine and any database: what the chain says is checked, never computed. Bills, prices, relays.

mod clock;
mod config;
pub mod follow;
pub mod peers;
pub mod queue;
mod run;
pub mod sensor;
mod sign;
pub mod simulator;
mod status;
mod stdin;
pub mod submit;
#[cfg(test)]
mod testchain;

pub use clock::{Clock, TimeSource};
pub use config::{CONFIG_BYTES_MAX, ConfigError, LightConfig, MeterConfig, PEERS_MAX};
pub use run::{LightError, run};
pub use sign::{KeyError, Signer, generate_key, load_key, write_key};
pub use status::{LightStatus, StatusError, status};
pub use stdin::stdin_closed;
