//! The state machine: what a block of transactions makes of a state.
//!
//! - [`state`]: the Merkle trie that holds everything, cheap to clone, with proofs.
//! - [`keys`]: every key in state; [`records`]: values of no module.
//! - [`overlay`]: the writes of a block in the making, with rollback of a failed transaction.
//! - [`modules`]: the modules, and the effect of each call.
//! - [`execute`]: checking, verifying, charging and running transactions; building blocks.
//! - [`query`]: typed reads for everything outside.
//! - [`schedule`]: parameters and validator sets by epoch.
//! - [`store`]: finalized blocks and state on disk.
//! - [`supply`]: what there may be of each asset, by a chain's history: for auditors and figures.
//!
//! Execution is a pure function of (state, block): integers only, no clock, no entropy, no order that could differ
//! between two machines. A transaction that fails is rolled back and noted in its receipt; a transaction that
//! cannot even be charged makes its block invalid.
//!
//! # Not here
//! Consensus, networking, the mempool's policy, JSON.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::arithmetic_side_effects))]
// A new call, event, record or reason stands in every match that decides on one: the compiler is the checklist.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

pub mod execute;
mod key;
pub mod keys;
pub mod modules;
pub mod overlay;
pub mod query;
pub mod records;
pub mod schedule;
pub mod state;
pub mod store;
pub mod supply;

pub use execute::{
    Admission, BlockError, BuildLimits, Built, CheckedTx, Executed, TxError, VerifiedTx, admit, build_block,
    chain_hash, execute_block, genesis, simulate, verify_all,
};
pub use modules::ctx::BlockEnv;
pub use schedule::Schedule;
pub use state::State;
pub use store::{Commit, Store, StoreError};
