//! Height 0.

use super::GenesisFailure;
use crate::State;
use wattle_primitives::{Block, Genesis, Header};

/// The state and header of height 0. The header's hash is the chain's identity.
///
/// # Errors
/// [`GenesisFailure`] when a part cannot take effect.
pub fn genesis(_genesis: &Genesis) -> Result<(State, Header), GenesisFailure> {
    unimplemented!()
}

/// The block of height 0 around its header: no transactions.
#[must_use]
pub const fn genesis_block(header: Header) -> Block {
    Block { header, txs: Vec::new() }
}
