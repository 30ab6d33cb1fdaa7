//! Running and building blocks.

use super::{BlockError, TxError, VerifiedTx};
use crate::State;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{Hash, Height, Params, PublicKey, Receipt, TimeMs, TxBody, Weight};

/// What a block's execution knows of its surroundings.
#[derive(Clone, Debug)]
pub struct BlockEnv {
    /// Parameters in force.
    pub params: Params,
    /// Genesis hash: hash of the header at height 0.
    pub chain: Hash,
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time_ms: TimeMs,
    /// The parent's hash.
    pub parent: Hash,
    /// Who proposes it.
    pub proposer: PublicKey,
}

/// What a block makes of its parent's state.
#[derive(Clone, Debug)]
pub struct Executed {
    /// State after the block.
    pub state: State,
    /// Its root.
    pub state_root: Hash,
    /// Events and receipts.
    pub receipts: BlockReceipts,
    /// Their root.
    pub receipts_root: Hash,
    /// Root over the transactions.
    pub txs_root: Hash,
    /// Every key that changed, sorted, with its new value: what the store writes.
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Weight of the transactions.
    pub weight: Weight,
}

/// How much a leader puts into a block, at most. The parameters bound it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildLimits {
    /// Bytes of encoded transactions.
    pub bytes_max: usize,
    /// Weight.
    pub weight_max: Weight,
}

/// A block's content, picked from candidates.
#[derive(Clone, Debug)]
pub struct Built {
    /// What was picked, in order.
    pub txs: Vec<VerifiedTx>,
    /// What it leads to.
    pub executed: Executed,
    /// Candidates that could not be charged, and why. Those that merely did not fit are not named.
    pub skipped: Vec<(Hash, TxError)>,
}

/// What a mempool should do with a transaction that could be charged now or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its nonce is the next.
    Ready,
    /// `gap` nonces of its lane are missing before it; at least 1.
    Future {
        /// How many.
        gap: u64,
    },
    /// Its nonce is used: it was included before, or never will be.
    Stale,
}

/// What a transaction would do if it were the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// What its receipt would say.
    pub receipt: Receipt,
    /// Why it could not be charged as it stands, if so; the receipt then shows what the calls would do.
    pub uncharged: Option<TxError>,
}

/// Runs a block.
///
/// # Errors
/// [`BlockError`] when it is no valid block.
pub fn execute_block(_parent: &State, _env: &BlockEnv, _txs: &[VerifiedTx]) -> Result<Executed, BlockError> {
    unimplemented!()
}

/// Picks transactions for a block, in the order given, and runs them.
#[must_use]
pub fn build_block(
    _parent: &State,
    _env: &BlockEnv,
    _candidates: impl Iterator<Item = VerifiedTx>,
    _limits: BuildLimits,
) -> Built {
    unimplemented!()
}

/// Whether a transaction could be charged at `env`'s time, now or when missing nonces have come.
///
/// # Errors
/// The [`TxError`] that stands against it.
pub fn admit(_state: &State, _env: &BlockEnv, _tx: &VerifiedTx) -> Result<Admission, TxError> {
    unimplemented!()
}

/// Runs a body without signatures on top of `state`, weighed as with `auths` of them.
///
/// # Errors
/// A stateless [`TxError`].
pub fn simulate(
    _state: &State,
    _env: &BlockEnv,
    _body: &TxBody,
    _auths: usize,
) -> Result<Simulated, TxError> {
    unimplemented!()
}
