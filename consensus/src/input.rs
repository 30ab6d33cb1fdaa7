//! Everything that can happen to a core. A new trigger is a new variant.

use wattle_primitives::{Certificate, Hash, Header, Round, SignedVote, ValidatorIndex, Vote};

/// Work that waits for a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work {
    /// None that is known.
    #[default]
    None,
    /// Only what falls due by itself: an expiry, a settlement. It recurs for ever, so it wakes an idle chain at a
    /// bounded rate: [`crate::Timing::due_interval_ms`].
    Due,
    /// A transaction that is ready.
    Transaction,
}

/// An event for [`crate::Core::step`].
///
/// Signatures of votes and certificates are verified by the driver, against the set of the core's epoch; what does
/// not verify never gets here. Inputs of another epoch are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The first input, once, after [`crate::Core::restore`].
    Start,
    /// [`crate::Core::next_deadline`] has passed. Harmless when early or late.
    Tick,
    /// Work that this validator knows of. Send it at every change, and after `Start`; an unfinalized block with
    /// transactions is seen by the core itself.
    Work(Work),
    /// The commit backlog is full (or the disk is): while on, this validator neither proposes nor notarizes.
    Backpressure {
        /// It is.
        on: bool,
    },
    /// A leader's proposal: its notarize vote with the header; the driver holds the body and has checked that it
    /// hashes to the header's `txs_root`.
    Proposal {
        /// The leader's notarize.
        vote: SignedVote,
        /// Header of `vote`'s block.
        header: Header,
    },
    /// A validator's vote, from itself or relayed.
    Vote(SignedVote),
    /// A certificate from anybody.
    Certificate(Certificate),
    /// Answers [`crate::Output::Build`].
    Built {
        /// Round of the request.
        round: Round,
        /// The new block's header, its body held and executed by the driver; `None` when it could not be built.
        header: Option<Header>,
    },
    /// Answers [`crate::Output::Execute`].
    Executed {
        /// The block.
        block: Hash,
        /// Whether it is valid and gives the roots of its header.
        verdict: Verdict,
    },
    /// Answers [`crate::Output::Fetch`]: the driver now holds this block's body, which hashes to the header's
    /// `txs_root`.
    Header {
        /// The block's header.
        header: Header,
    },
    /// Answers [`crate::Output::Cast`]: this validator's vote, signed, durable and sent.
    OwnVote(SignedVote),
    /// Answers [`crate::Output::Cast`]: the sign state holds something newer or different. The core sits this vote out.
    VoteRefused {
        /// The vote that was not signed.
        vote: Vote,
    },
    /// A validator is connected again: it gets everything held above the last finalization.
    Reconnected {
        /// The validator.
        peer: ValidatorIndex,
    },
    /// The driver has fetched, executed and committed finalized blocks up to `header` by itself (block sync): the
    /// floor moves there. Behind or at the floor: ignored, but for the certificate.
    Synced {
        /// The last of them.
        header: Header,
        /// Finalization of it or of a descendant.
        certificate: Certificate,
    },
}

/// The result of executing a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Valid, and the roots are the header's.
    Valid,
    /// A transaction breaks a rule or a root differs. Deterministic: the same on every honest validator.
    Invalid,
}
