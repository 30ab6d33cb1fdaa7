//! Specifications and presets, from which a chain is started, and checkpoints, which a light node trusts.
//!
//! - [`ChainSpec`]: the TOML form of [`wattle_primitives::Genesis`], with the network's defaults beside it.
//! - [`Template`]: a specification without time, validators, accounts and microgrids; the presets in `specs/`.
//! - [`Checkpoint`]: a finalized header and the validator set that follows it, as JSON.
//!
//! Genesis is protocol: every node of a chain must have the same. The network section is not: each node may change
//! its copy.
//!
//! # Not here
//! The genesis state and its root (`wattle-runtime`), sockets and databases.

mod checkpoint;
mod error;
mod network;
mod spec;

pub use checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint, CheckpointError};
pub use error::{Place, SpecError};
pub use network::{ADDRESS_BYTES_MAX, BOOTSTRAP_MAX, Network, NodeAddress, NodeAddressError};
pub use spec::{ChainSpec, Preset, SPEC_BYTES_MAX, Template, TemplateGenesis};
