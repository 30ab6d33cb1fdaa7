//! Records that a core must find again after a crash.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::{Certificate, Epoch, Hash, Header, Round, SignedVote};

/// One entry of the log. Records are keyed by epoch and their order does not matter.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Record {
    /// A vote of this validator. Written by the driver when it carries out a [`crate::Output::Cast`].
    Vote(SignedVote) = 0,
    /// A certificate.
    Certificate(Certificate) = 1,
    /// A block whose body is written with it; the driver may keep the body in a record of its own.
    Block(Header) = 2,
    /// The certification verdict: the notarized block of a round is held, executed and durable here.
    Certified {
        /// Round of the notarization.
        round: Round,
        /// The block.
        block: Hash,
    } = 3,
}

impl Record {
    /// The epoch it belongs to.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        match self {
            Self::Vote(signed) => signed.vote.round().epoch,
            Self::Certificate(certificate) => certificate.round().epoch,
            Self::Block(header) => header.epoch,
            Self::Certified { round, .. } => round.epoch,
        }
    }
}

wattle_primitives::decodable! { Record: 1 + <Certificate as wattle_primitives::Decode>::MAX_BYTES; }

/// Rounds that a validator had given up before its log was lost, by its sign state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Its last finalize, which no nullify may stand beside; rounds after it were given up, or not voted in at the end.
    pub after: Round,
    /// Its last nullify.
    pub last: Round,
}

impl GivenUp {
    /// Whether a round may be given up again, and nothing else be done in it.
    #[must_use]
    pub fn contains(&self, round: Round) -> bool {
        self.after < round && round <= self.last
    }
}
