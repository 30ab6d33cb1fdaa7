//! From a block that somebody sent to one whose body is bound to its header and whose signatures hold.

use super::Worker;
use wattle_primitives::{Block, Hash, Header, Round, planted};
use wattle_runtime::{TxError, VerifiedTx};

/// A block whose body its header binds. Its transactions are well-formed and signed; whether they can be charged,
/// and whether the roots are right, execution shows.
#[derive(Debug)]
pub struct VerifiedBlock {
    /// The block as it was sent; without its transactions when they were too many bytes.
    pub block: Block,
    /// Its hash.
    pub hash: Hash,
    /// Its transactions; fewer than the block's when `fault` is set.
    pub txs: Vec<VerifiedTx>,
    /// Why the block can never be valid, although its header binds this body: its proposer is at fault.
    pub fault: Option<BodyFault>,
}

/// A fault of a bound body: whoever signed the header proposed an invalid block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// A transaction that no state could accept.
    #[error("transaction {index} is invalid")]
    Tx {
        /// Its position.
        index: usize,
        /// The rule that it breaks.
        #[source]
        source: TxError,
    },
    /// More bytes than the parameters allow.
    #[error("block has {got} bytes, at most {max} are allowed")]
    Bytes {
        /// Most bytes allowed.
        max: usize,
        /// Encoded size.
        got: usize,
    },
}

/// Why a body tells nothing about the header it came with. Whoever sent it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The transactions are not those of the header.
    #[error("transactions hash to {got}, header says {expected}")]
    Unbound {
        /// The header's `txs_root`.
        expected: Hash,
        /// The body's.
        got: Hash,
    },
}

impl VerifiedBlock {
    /// Its header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.block.header
    }

    /// The round in which it was first proposed.
    #[must_use]
    pub const fn round(&self) -> Round {
        Round { epoch: self.block.header.epoch, view: self.block.header.view }
    }
}

/// Binds a body to its header and verifies its signatures in one batch.
///
/// # Errors
/// [`BodyError::Unbound`]: the sender pays, nothing is known of the header. A body that is bound but faulty is no
/// error here: the fault is the proposer's, and is noted in the block.
pub fn check_body(worker: &Worker, mut block: Block) -> Result<VerifiedBlock, BodyError> {
    let got = Block::txs_root(&block.txs);
    if got != block.header.txs_root && !planted!("body-unbound") {
        return Err(BodyError::Unbound { expected: block.header.txs_root, got });
    }
    let hash = block.hash();
    let max = usize::try_from(worker.schedule.params().block_bytes_max).unwrap_or(usize::MAX);
    let bytes = wattle_primitives::encode(&block).len();
    let (mut txs, mut fault) = (Vec::with_capacity(block.txs.len()), None);
    if bytes > max {
        fault = Some(BodyFault::Bytes { max, got: bytes });
        block.txs = Vec::new(); // the verdict is what counts: nobody will be served this body
    } else {
        for (index, verdict) in worker.verify(block.txs.clone()).into_iter().enumerate() {
            match verdict {
                Ok(tx) => txs.push(tx),
                Err(source) => {
                    fault = Some(BodyFault::Tx { index, source });
                    break;
                }
            }
        }
    }
    Ok(VerifiedBlock { block, hash, txs, fault })
}
