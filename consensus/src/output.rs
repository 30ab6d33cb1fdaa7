//! Orders of a core to its driver.

use crate::{HeaderError, Record};
use wattle_primitives::{
    Certificate, Evidence, Hash, Header, Height, Round, SignedVote, ValidatorIndex, View, Vote,
};

/// To whom something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    /// Every other validator.
    All,
    /// This validator.
    One(ValidatorIndex),
}

/// A block to be built by this validator as leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRequest {
    /// Round that the block is for; comes back in [`crate::Input::Built`].
    pub round: Round,
    /// View in which the parent was certified.
    pub parent_view: View,
    /// The header to complete: every field is set but `txs_root`, `state_root` and `receipts_root`, which are zero.
    pub template: Header,
    /// Too many blocks are unfinalized: put no transactions in.
    pub empty: bool,
}

/// Work for the driver. The outputs of one step are carried out in order; every [`Output::Persist`] and every
/// [`Output::Cast`] of a step is durable (one group, one fsync) before anything of that step or a later one is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write to the log. A [`Record::Block`] takes the block's body along.
    Persist(Record),
    /// Ask the sign state, sign, write [`Record::Vote`], fsync both, send to every validator, and answer with
    /// [`crate::Input::OwnVote`] or [`crate::Input::VoteRefused`]. The answer is never left out.
    Cast {
        /// The vote.
        vote: Vote,
        /// This is the leader's notarize: send it as a proposal, with the block.
        with_block: bool,
    },
    /// Build a block on its parent's state and answer with [`crate::Input::Built`].
    Build(BuildRequest),
    /// Execute a held block on its parent's state and answer with [`crate::Input::Executed`]. The parent is
    /// executed or finalized. Asked again after a restart.
    Execute {
        /// The block.
        block: Hash,
        /// Its parent.
        parent: Hash,
    },
    /// Find a block, here or at a peer, and answer with [`crate::Input::Header`]. Repeated with growing pauses until
    /// answered or no longer needed.
    Fetch {
        /// Its hash.
        block: Hash,
        /// Validators that should have it, best first; empty, as at every second time: anybody.
        ask: Vec<ValidatorIndex>,
    },
    /// Ask for the certificates of these views; they come back as [`crate::Input::Certificate`]. Repeated like `Fetch`.
    FetchCertificates {
        /// First view.
        from: View,
        /// Last view, inclusive.
        to: View,
        /// Validators that should have them, best first; empty, as at every second time: anybody.
        ask: Vec<ValidatorIndex>,
    },
    /// The chain is final at least up to a height so far above the floor that blocks should be synced by height; end
    /// with [`crate::Input::Synced`].
    Sync {
        /// The height.
        height: Height,
        /// Finalizes a block at that height or above: its signers have what is missing.
        certificate: Certificate,
    },
    /// Send a certificate.
    Send {
        /// The addressees.
        to: To,
        /// The certificate.
        certificate: Certificate,
    },
    /// Send again what may have been lost.
    Resend {
        /// The addressees.
        to: To,
        /// Votes held above the last finalization, any signer's, newest view first.
        votes: Vec<SignedVote>,
        /// The last finalization and what proves the current view.
        certificates: Vec<Certificate>,
    },
    /// These blocks are final: commit them. Each is executed here and extends the one before, the first the floor.
    Finalized {
        /// Oldest first; at least one.
        blocks: Vec<Hash>,
        /// Certifies the last of them.
        certificate: Certificate,
    },
    /// A validator broke the rules, provably. Handed out once per validator, view and kind of offence.
    Evidence(Evidence),
    /// A new view began.
    Entered {
        /// The new view.
        view: View,
    },
    /// Stop the node and tell the operator why: going on would risk the ledger. The core does nothing any more.
    Halt {
        /// The reason.
        reason: HaltReason,
    },
}

/// Why a core stopped. Each one means a bug here, an outdated build, or more faulty power than a third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HaltReason {
    /// A quorum accepted a header that breaks a rule as this build knows it, such as an unknown version.
    #[error("certified block {block} has an unacceptable header")]
    Header {
        /// The block.
        block: Hash,
        /// The rule.
        #[source]
        source: HeaderError,
    },
    /// A quorum accepted a block whose execution here gives other roots.
    #[error("certified block {block} is invalid when executed here")]
    Roots {
        /// The block.
        block: Hash,
    },
    /// Two quorums contradict each other: at least a third of the power is faulty.
    #[error("certified block {block} in view {view} contradicts another certificate")]
    Conflict {
        /// View of the certificate.
        view: View,
        /// Its block, or the zero hash for a nullification.
        block: Hash,
    },
}
