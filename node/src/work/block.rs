//! Executing, building and replaying blocks.

use super::{BodyError, BodyFault, VerifiedBlock, Worker, check_body};
use std::sync::Arc;
use wattle_primitives::{Block, Hash, Header, Height, Round, planted};
use wattle_runtime::{
    BlockError, BuildLimits, Executed, State, TxError, VerifiedTx, build_block, execute_block,
};

/// Room kept for everything of a block that is no transaction.
const BLOCK_OVERHEAD_BYTES: usize = wattle_primitives::block::HEADER_BYTES_MAX + 16;

/// Everything that a block is built from.
#[derive(Debug)]
pub struct BuildJob {
    /// Round it is for.
    pub round: Round,
    /// Its header, complete but for the three roots.
    pub template: Header,
    /// State after the parent.
    pub state: State,
    /// Ready transactions, best first.
    pub candidates: Vec<VerifiedTx>,
    /// Most bytes of transactions that this leader puts in; the chain's limit holds as well.
    pub bytes_max: usize,
}

/// A block made here, with its results.
#[derive(Debug)]
pub struct BuiltBlock {
    /// The block.
    pub block: Arc<VerifiedBlock>,
    /// State and receipts after it.
    pub executed: Arc<Executed>,
    /// Candidates that cannot be charged any more, and why.
    pub skipped: Vec<(Hash, TxError)>,
}

/// A fetched finalized block, executed.
#[derive(Debug)]
pub struct Replayed {
    /// The block.
    pub block: Arc<VerifiedBlock>,
    /// State and receipts after it.
    pub executed: Arc<Executed>,
}

/// Why fetched finalized blocks could not be executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A body is not the one its header binds: the peer that sent it lies.
    #[error("body of height {height}")]
    Body {
        /// The block's.
        height: Height,
        /// The fault.
        #[source]
        source: BodyError,
    },
    /// A finalized block has other results here: this node must stop.
    #[error(transparent)]
    Diverged(Divergence),
}

/// A certified block has other results here: this node's software or memory is at fault, or two thirds lie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block {hash} at height {height} was certified, but executes differently here: {detail}")]
pub struct Divergence {
    /// Hash of the block.
    pub hash: Hash,
    /// Its height.
    pub height: Height,
    /// The difference, for people.
    pub detail: String,
}

/// Executes a block on its parent's state. A block that breaks a rule, or whose header carries other roots than it
/// leads to, is an error of its proposer's.
///
/// # Errors
/// [`ExecuteError`].
pub fn execute(worker: &Worker, block: &VerifiedBlock, parent: &State) -> Result<Executed, ExecuteError> {
    if let Some(fault) = block.fault {
        return Err(ExecuteError::Body(fault));
    }
    let header = block.header();
    let executed = execute_block(parent, &worker.env(header), &block.txs)?;
    if executed.state_root != header.state_root && !planted!("state-root-unchecked") {
        return Err(ExecuteError::StateRoot { expected: header.state_root, got: executed.state_root });
    }
    if executed.receipts_root != header.receipts_root && !planted!("receipts-root-unchecked") {
        return Err(ExecuteError::ReceiptsRoot {
            expected: header.receipts_root,
            got: executed.receipts_root,
        });
    }
    Ok(executed)
}

/// Why a block is invalid. Its proposer is at fault; if a quorum certified it, this node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// Its body is faulty.
    #[error(transparent)]
    Body(#[from] BodyFault),
    /// Its transactions break a rule.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// It leads to another state.
    #[error("state root is {got}, header says {expected}")]
    StateRoot {
        /// The header's.
        expected: Hash,
        /// The root that execution gave.
        got: Hash,
    },
    /// It leads to other receipts.
    #[error("receipts root is {got}, header says {expected}")]
    ReceiptsRoot {
        /// The header's.
        expected: Hash,
        /// The root that execution gave.
        got: Hash,
    },
}

/// Builds a block from candidates on its parent's state.
#[must_use]
pub fn build(worker: &Worker, job: BuildJob) -> BuiltBlock {
    let params = worker.schedule.params();
    let bytes_max =
        usize::try_from(params.block_bytes_max).unwrap_or(usize::MAX).saturating_sub(BLOCK_OVERHEAD_BYTES);
    let limits = BuildLimits { bytes_max: bytes_max.min(job.bytes_max), weight_max: params.block_weight_max };
    let built = build_block(&job.state, &worker.env(&job.template), job.candidates.into_iter(), limits);
    assert!(
        built.executed.weight <= params.block_weight_max,
        "a leader keeps within the limit it checks others by"
    );
    let header = Header {
        txs_root: built.executed.txs_root,
        state_root: built.executed.state_root,
        receipts_root: built.executed.receipts_root,
        ..job.template
    };
    let block = Block { txs: built.txs.iter().map(|tx| tx.tx().clone()).collect(), header };
    let hash = block.hash();
    BuiltBlock {
        block: Arc::new(VerifiedBlock { block, hash, txs: built.txs, fault: None }),
        executed: Arc::new(built.executed),
        skipped: built.skipped,
    }
}

/// Executes consecutive finalized blocks. Their headers were verified against a certificate.
///
/// # Errors
/// [`ReplayError`] for the first block that does not fit.
pub fn replay(worker: &Worker, parent: &State, blocks: Vec<Block>) -> Result<Vec<Replayed>, ReplayError> {
    let mut state = parent.clone();
    let mut done = Vec::with_capacity(blocks.len());
    for block in blocks {
        let height = block.header.height;
        let block = check_body(worker, block).map_err(|source| ReplayError::Body { height, source })?;
        let executed = execute(worker, &block, &state).map_err(|e| {
            ReplayError::Diverged(Divergence { hash: block.hash, height, detail: e.to_string() })
        })?;
        state = executed.state.clone();
        done.push(Replayed { block: Arc::new(block), executed: Arc::new(executed) });
    }
    Ok(done)
}
