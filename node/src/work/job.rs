//! Orders for long work, and their results.

use super::{BodyError, BuildJob, BuiltBlock, ExecuteError, ReplayError, Replayed, VerifiedBlock};
use std::sync::Arc;
use wattle_primitives::{Block, Hash, Height, Round, SignedVote, Tx, Vote};
use wattle_runtime::{Executed, State, TxError, VerifiedTx};

/// Names a piece of work, a question or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Long work on the CPU.
#[derive(Debug)]
pub enum Job {
    /// Bind a body to its header and verify its signatures.
    Body(Box<Block>),
    /// Check transactions from a client or a peer.
    Txs {
        /// Names the batch.
        token: Token,
        /// The transactions.
        txs: Vec<Tx>,
    },
    /// Execute a block on its parent's state.
    Execute {
        /// The block.
        block: Arc<VerifiedBlock>,
        /// State after the parent.
        parent: State,
    },
    /// Build a block.
    Build(Box<BuildJob>),
    /// Execute fetched blocks, whose certificate was verified, one on the other.
    Replay {
        /// Names the batch.
        token: Token,
        /// State before the first.
        parent: State,
        /// Consecutive blocks.
        blocks: Vec<Block>,
    },
}

/// Results of long work.
#[derive(Debug)]
pub enum Done {
    /// A proposed or fetched body was checked.
    Body {
        /// Hash of its header.
        hash: Hash,
        /// The block, bound and with good signatures.
        result: Result<Arc<VerifiedBlock>, BodyError>,
    },
    /// Transactions were checked.
    Txs {
        /// Names the batch.
        token: Token,
        /// One verdict each, in order.
        results: Vec<Result<VerifiedTx, (Hash, TxError)>>,
    },
    /// A block was executed.
    Executed {
        /// Its hash.
        hash: Hash,
        /// State, receipts and writes.
        result: Result<Arc<Executed>, ExecuteError>,
    },
    /// A block was built.
    Built {
        /// For this round.
        round: Round,
        /// The block.
        result: Box<BuiltBlock>,
    },
    /// Fetched finalized blocks were executed.
    Replayed {
        /// Names the batch.
        token: Token,
        /// All of them, or the first that fails.
        result: Result<Vec<Replayed>, ReplayError>,
    },
    /// A group is on disk.
    Persisted {
        /// Names the group.
        token: Token,
        /// Our votes of the group, signed.
        signed: Vec<SignedVote>,
        /// Votes that the sign state refused.
        refused: Vec<Vote>,
    },
    /// All finalized blocks up to this height are in the database.
    Committed {
        /// The height.
        height: Height,
    },
}
