//! From bytes that somebody sent to a state root.
//!
//! ```text
//! Tx --check--> CheckedTx --verify_all--> VerifiedTx --charge, run--> Receipt
//! ```
//! Each stage is a type, so that nothing unverified reaches the state. Verdicts on readings embedded in a call
//! are part of [`VerifiedTx`]: every validator computes them itself, by the one verification rule, so all agree; they
//! are never taken from a peer.

mod block;
mod charge;
mod error;
mod genesis;
mod signers;
mod tx;

pub use block::{
    Admission, BuildLimits, Built, Executed, Simulated, admit, build_block, execute_block, simulate,
};
pub use error::{BlockError, GenesisFailure, TxError};
pub use genesis::{chain_hash, genesis, genesis_block};
pub use signers::Signers;
pub use tx::{CheckedTx, VerifiedTx, fee_of, txs_root, verify_all, weigh};

#[cfg(test)]
pub(crate) mod tests;
