//! Everything a driver asks its surroundings to do.
//!
//! A send that a group of records protects does not appear before [`Done::Persisted`](crate::work::Done::Persisted)
//! has come back for that group: what is not durable is not said.

use crate::journal::Order;
use crate::signer::Barred;
use crate::work::{Divergence, Job, Token, VerifiedBlock};
use std::sync::Arc;
use wattle_p2p::wire::{Gossip, Request, Response, ValidatorMessage};
use wattle_p2p::{MessageId, Offence, PeerId, Penalty, Verdict};
use wattle_primitives::evidence::AccusationId;
use wattle_primitives::{
    Accusation, Certificate, Epoch, Hash, Height, Nonce, PublicKey, Round, Tx, View, VotingPower,
};
use wattle_runtime::{Executed, TxError};

/// One thing to do, in the order given.
#[derive(Debug)]
pub enum Effect {
    /// Long work on the CPU; comes back as [`Done`](crate::work::Done).
    Work(Job),
    /// Sign these votes, write all as one group, sync log and sign state, then report.
    Persist(Order),
    /// Write finalized blocks, oldest first, in synced batches, then report.
    Commit(Vec<FinalBlock>),
    /// Send to one validator.
    Send(PublicKey, Arc<ValidatorMessage>),
    /// Send to all other validators.
    Broadcast(Arc<ValidatorMessage>),
    /// Gossip something that entered the network here.
    Gossip(Gossip),
    /// Tell what to do with a gossip message.
    Verdict {
        /// Who handed it on.
        peer: PeerId,
        /// Its name.
        id: MessageId,
        /// The verdict.
        verdict: Verdict,
    },
    /// Ask a peer.
    Ask {
        /// Names the answer.
        token: Token,
        /// The peer asked.
        peer: PeerId,
        /// The question.
        request: Request,
    },
    /// Answer a peer.
    Respond {
        /// Names the question.
        token: Token,
        /// The answer.
        response: Response,
    },
    /// Answer a peer from the database.
    Serve {
        /// Names the question.
        token: Token,
        /// The question.
        request: Request,
    },
    /// Answer a peer with a block that is not in the database yet, or a part of it.
    ServeHeld {
        /// Names the question.
        token: Token,
        /// The block.
        block: Arc<VerifiedBlock>,
        /// Bytes of its encoding that have come before.
        offset: u32,
        /// Most bytes wanted.
        bytes: u32,
    },
    /// Answer a client.
    Answer {
        /// Names the question.
        token: Token,
        /// The answer.
        answer: Answer,
    },
    /// A peer misbehaved.
    Report {
        /// The peer.
        peer: PeerId,
        /// How badly.
        penalty: Penalty,
        /// Its offence.
        offence: Offence,
    },
    /// The validators with whom messages are exchanged have changed.
    SetValidators(Vec<PublicKey>),
    /// A finalized block is durable: tell subscribers and readers.
    Announce(FinalBlock),
    /// A validator broke the rules: keep the proof, for whoever slashes.
    Evidence {
        /// The proof, and against whom.
        found: Accusation,
        /// The accusation that is let go of for it.
        forgotten: Option<AccusationId>,
    },
    /// Sign nothing in these rounds, from the next group on: votes of a disk that is gone may be there.
    Bar(Barred),
    /// For metrics: consensus entered a view.
    Entered(Round),
    /// The validators that are heard are no quorum any more, or are one again: tell the operator.
    Quorum(Quorum),
    /// The node must stop, loudly: going on would be unsafe.
    Halt(Halt),
}

/// A finalized block with its results: on its way into the database, or durable there.
#[derive(Clone, Debug)]
pub struct FinalBlock {
    /// The block.
    pub block: Arc<VerifiedBlock>,
    /// State, receipts and writes of its execution.
    pub executed: Arc<Executed>,
    /// Its own finalization, if it has one.
    pub certificate: Option<Certificate>,
}

/// Answers to clients.
#[derive(Debug)]
pub enum Answer {
    /// One verdict for each transaction submitted: its id, or id and reason.
    Submitted(Vec<Result<Hash, (Hash, SubmitError)>>),
    /// See [`crate::driver::Question::TxFate`].
    TxFate(Fate),
    /// See [`crate::driver::Question::Tx`].
    Tx(Option<Box<Tx>>),
    /// See [`crate::driver::Question::NextNonce`].
    NextNonce(Nonce),
    /// See [`crate::driver::Question::Status`].
    Status(Box<DriverStatus>),
}

/// Why a transaction was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// By its content or the state.
    #[error("{0}")]
    Tx(TxError),
    /// By the mempool.
    #[error("{0}")]
    Pool(crate::mempool::InsertError),
    /// The node is too busy to look at it.
    #[error("too many transactions are waiting to be checked")]
    Busy,
    /// The disk is nearly full.
    #[error("the node is low on disk space")]
    LowSpace,
    /// The node stops.
    #[error("the node is stopping")]
    Stopping,
}

impl SubmitError {
    /// The stable code that clients match on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Tx(error) => error.code(),
            Self::Pool(error) => error.code(),
            Self::Busy => "busy",
            Self::LowSpace => "low_space",
            Self::Stopping => "stopping",
        }
    }
}

/// Where a transaction stands that is not in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Not known here.
    Unknown,
    /// Waits in the mempool.
    Pending,
    /// In a certified block that is not yet finalized (or finalized, but not yet durable).
    Included {
        /// Its height.
        height: Height,
    },
    /// Ran out of time.
    Expired,
    /// Another transaction took its nonce: it will never be in a block.
    Superseded,
    /// This node let it go; the stable code of the reason. Others may have it and include it until it expires.
    Dropped(&'static str),
}

/// Consensus, mempool and synchronization at a glance.
#[derive(Clone, Debug, Default)]
pub struct DriverStatus {
    /// Epoch of consensus.
    pub epoch: Epoch,
    /// View of consensus; 0 when this node takes no part.
    pub view: View,
    /// Leader of the view.
    pub leader: Option<PublicKey>,
    /// Whether this node votes in this epoch.
    pub voting: bool,
    /// Last finalized height.
    pub height: Height,
    /// Height of the highest certified block here.
    pub certified_height: Height,
    /// How long this node has been in the view, ms.
    pub view_age_ms: u64,
    /// How long the view's leader has to propose, ms, with its growth.
    pub leader_timeout_ms: u64,
    /// How long the view has from the proposal's arrival, ms, with its growth.
    pub advance_timeout_ms: u64,
    /// Highest finalized height that a peer claims.
    pub best_peer_height: Height,
    /// Whether it is catching up.
    pub syncing: bool,
    /// Validators that are heard, and those that are missing.
    pub quorum: Quorum,
    /// Blocks above the last finalized.
    pub unfinalized: usize,
    /// Finalized blocks not yet in the database.
    pub commit_backlog: usize,
    /// Whether less room is left on the disk than is to be kept free.
    pub low_space: bool,
    /// Whether the chain's time is carried on, for want of a clock that can be believed.
    pub clock_carried: bool,
    /// Whether it signs nothing at all, since it may have signed in these rounds before it lost its disk. One whose log
    /// alone lost votes ([`crate::signer::Standing::SitOut`]) may still nullify, and is not meant.
    pub new_disk: bool,
    /// Transactions waiting.
    pub mempool_txs: usize,
    /// Their bytes.
    pub mempool_bytes: usize,
    /// Nullifications since the start.
    pub nullifications: u64,
    /// Ready peers.
    pub peers: usize,
}

/// Power of the validators that are heard, and who is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// Members of the epoch of whose life there was no sign for seconds, in the set's order.
    pub missing: Vec<PublicKey>,
    /// Their power.
    pub missing_power: VotingPower,
    /// Power of all members.
    pub total: VotingPower,
    /// Least power that decides.
    pub needed: VotingPower,
}

impl Quorum {
    /// Whether those that are heard are too few: no block becomes final.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.total.0.saturating_sub(self.missing_power.0) < self.needed.0
    }
}

/// Why a node stops itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// Consensus saw something that must not be.
    #[error("consensus halted: {0}")]
    Consensus(String),
    /// The chain has gone on with another protocol version: this build is too old.
    #[error("block at height {height} has protocol version {version}: update this node")]
    Version {
        /// The block's height.
        height: Height,
        /// Its version.
        version: u32,
    },
    /// A certified block has other results here.
    #[error(transparent)]
    Diverged(Divergence),
}
