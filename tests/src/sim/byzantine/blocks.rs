//! Blocks that a lying leader proposes.

use crate::sim::coverage::Mark;
use crate::sim::plan::{WALL_MS, wallet_key};
use crate::sim::rng::Rng;
use wattle_node::work::BuildJob;
use wattle_node::work::{ExecuteError, Worker, build};
use wattle_primitives::tx::CALLS_MAX;
use wattle_primitives::{
    Address, Amount, AssetId, Auth, Block, BoundedVec, Call, Hash, Lane, Nonce, TimeMs, Tx, TxBody, call,
};

/// How far ahead a block from the future is: further than any clock here goes.
const FUTURE_MS: u64 = 30 * 24 * 3_600_000;

/// The fault of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Lie {
    /// Nothing, but that there is another.
    Twin,
    StateRoot,
    ReceiptsRoot,
    Past,
    Future,
    Unbound,
    Oversized,
    BadTx,
    Parent,
}

impl Lie {
    const ALL: [Self; 9] = [
        Self::Twin,
        Self::StateRoot,
        Self::ReceiptsRoot,
        Self::Past,
        Self::Future,
        Self::Unbound,
        Self::Oversized,
        Self::BadTx,
        Self::Parent,
    ];

    /// That it was told, and that it was refused; a twin block is as good as the other.
    pub(in crate::sim) const fn marks(self) -> (Mark, Option<Mark>) {
        match self {
            Self::Twin => (Mark::LieTwin, None),
            Self::StateRoot => (Mark::LieStateRoot, Some(Mark::RefusedStateRoot)),
            Self::ReceiptsRoot => (Mark::LieReceiptsRoot, Some(Mark::RefusedReceiptsRoot)),
            Self::Past => (Mark::LiePast, Some(Mark::RefusedPast)),
            Self::Future => (Mark::LieFuture, Some(Mark::RefusedFuture)),
            Self::Unbound => (Mark::LieUnbound, Some(Mark::RefusedUnbound)),
            Self::Oversized => (Mark::LieOversized, Some(Mark::RefusedOversized)),
            Self::BadTx => (Mark::LieBadTx, Some(Mark::RefusedBadTx)),
            Self::Parent => (Mark::LieParent, Some(Mark::RefusedParent)),
        }
    }

    /// Whether no honest validator may ever vote for the block: its header is as bad as its body.
    pub(in crate::sim) const fn is_poison(self) -> bool {
        !matches!(self, Self::Twin | Self::Unbound)
    }

    /// Whether this is what execution must say of such a block, if it comes to that.
    pub(in crate::sim) const fn explains(self, error: &ExecuteError) -> bool {
        match error {
            ExecuteError::Body(_) => matches!(self, Self::Oversized | Self::BadTx),
            ExecuteError::Block(_) => matches!(self, Self::BadTx),
            ExecuteError::StateRoot { .. } => matches!(self, Self::StateRoot),
            ExecuteError::ReceiptsRoot { .. } => matches!(self, Self::ReceiptsRoot),
        }
    }
}

/// A block that is told in place of an honest one.
pub(super) struct Told {
    pub(super) lie: Lie,
    pub(super) block: Block,
    /// The body that goes with it, where that is the lie.
    pub(super) body: Vec<Tx>,
    /// Whether all are told so, or one half.
    pub(super) to_all: bool,
}

impl Told {
    /// Draws a lie for the block of `job`.
    pub(super) fn make(rng: &mut Rng, worker: &Worker, job: &BuildJob) -> Self {
        let lie = *rng.pick(&Lie::ALL).unwrap_or(&Lie::Twin);
        let mut template = job.template.clone();
        template.time_ms = match lie {
            Lie::Past => TimeMs(WALL_MS - 500_000),
            Lie::Future => template.time_ms.saturating_add(TimeMs(FUTURE_MS)),
            _ => template.time_ms.saturating_add(TimeMs(1)), // never the honest block itself
        };
        let candidates = if rng.coin() { job.candidates.clone() } else { Vec::new() };
        let (round, state, bytes_max) = (job.round, job.state.clone(), job.bytes_max);
        let twin = BuildJob { round, template, state, candidates, bytes_max };
        let mut block = build(worker, twin).block.block.clone();
        let mut body = Vec::new();
        match lie {
            Lie::StateRoot => block.header.state_root = Hash(rng.bytes()),
            Lie::ReceiptsRoot => block.header.receipts_root = Hash(rng.bytes()),
            Lie::Parent => block.header.parent = Hash(rng.bytes()),
            Lie::Oversized => {
                let bytes_max = usize::try_from(worker.schedule.params().block_bytes_max).unwrap_or(0);
                let tx = unpayable(worker.chain);
                let size = wattle_primitives::encode(&tx).len().max(1);
                block.txs = vec![tx; bytes_max / size + 1];
                block.header.txs_root = Block::txs_root(&block.txs);
            }
            Lie::BadTx => {
                block.txs.push(unpayable(worker.chain));
                block.header.txs_root = Block::txs_root(&block.txs);
            }
            Lie::Unbound => {
                body.clone_from(&block.txs);
                if body.pop().is_none() {
                    body.push(unpayable(worker.chain));
                }
            }
            Lie::Twin | Lie::Past | Lie::Future => {}
        }
        Self { lie, block, body, to_all: rng.coin() }
    }
}

/// A well-signed transaction with a nonce that will never be the next, and as many calls as fit.
fn unpayable(chain: Hash) -> Tx {
    let key = wallet_key(0);
    let sender = Address::of_key(&key.public());
    let call = Call::from(call::token::Transfer { to: sender, asset: AssetId::NATIVE, amount: Amount(1) });
    let body = TxBody {
        chain,
        sender,
        grant: None,
        lane: Lane(0),
        nonce: Nonce(1 << 40),
        expires_ms: TimeMs::MAX,
        fee_payer: sender,
        max_fee: Amount(1_000_000),
        tip: Amount::ZERO,
        calls: BoundedVec::new(vec![call; CALLS_MAX]).unwrap_or_default(),
    };
    let auth = Auth { key: key.public(), signature: key.sign(&body.signing_bytes()) };
    Tx::new(body, vec![auth]).unwrap_or_else(|_| unreachable!("one auth is not too many"))
}
