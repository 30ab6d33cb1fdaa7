//! The rules: what was signed last, and what may be signed next. No I/O.

use super::SignerError;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_consensus::GivenUp;
use wattle_primitives::domain::SIGN_DIGEST;
use wattle_primitives::{Epoch, Hash, Round, View, Vote, VoteKind, planted};

/// A vote that was signed: its round, and the digest of its signing bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Mark {
    /// Its round.
    pub round: Round,
    /// Digest of the signing bytes.
    pub digest: Hash,
}

/// The last vote signed of each kind, and what may have been signed on a disk that is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignState {
    notarize: Option<Mark>,
    nullify: Option<Mark>,
    finalize: Option<Mark>,
    barred: Barred,
}

/// In which rounds nothing at all is signed, since this validator may have signed there before it lost its disk. Where
/// only the log lost votes, see [`super::Standing::SitOut`]: there views are still given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Barred {
    /// In none. A state from before there was a bar reads so: its page is zero from here on.
    #[default]
    Free = 0,
    /// Not known yet: in all.
    Unasked = 1,
    /// Up to this one.
    Until(Round) = 2,
    /// Up to this one, which is over, so that the validator takes part. It stays: votes in it may still be asked for,
    /// by what comes late, and by a core that begins again.
    Passed(Round) = 3,
}

/// Why a vote is not signed. Consensus goes on without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another vote of the kind was signed in this round.
    #[error("another {kind:?} was signed in round {round}")]
    Conflict {
        /// Kind of both.
        kind: VoteKind,
        /// Round of both.
        round: Round,
    },
    /// A vote of the kind was signed in a later round.
    #[error("{kind:?} in round {round} is older than the last, in round {last}")]
    Stale {
        /// Kind of both.
        kind: VoteKind,
        /// Round asked for.
        round: Round,
        /// Round of the last.
        last: Round,
    },
    /// Notarize or finalize at or below the last nullify.
    #[error("round {round} is not after the last nullify, in round {last}")]
    Nullified {
        /// Round asked for.
        round: Round,
        /// Round of the last nullify.
        last: Round,
    },
    /// Nullify at or below the last finalize.
    #[error("round {round} is not after the last finalize, in round {last}")]
    Finalized {
        /// Round asked for.
        round: Round,
        /// Round of the last finalize.
        last: Round,
    },
    /// The disk is new, and how far votes from the old one may reach is not known yet.
    #[error("round {round} may have been voted in before the disk was lost")]
    Unasked {
        /// Round asked for.
        round: Round,
    },
    /// The log, or the whole disk, has lost votes of rounds up to `past`.
    #[error("round {round} is sat out, up to round {past}")]
    SittingOut {
        /// Round asked for.
        round: Round,
        /// Last round sat out.
        past: Round,
    },
}

impl Mark {
    fn of(vote: &Vote, chain: &Hash) -> Self {
        Self { round: vote.round(), digest: Hash::of(SIGN_DIGEST, &[&vote.signing_bytes(chain)]) }
    }
}

impl SignState {
    /// The last vote signed of `kind`.
    #[must_use]
    pub const fn last(&self, kind: VoteKind) -> Option<Mark> {
        match kind {
            VoteKind::Notarize => self.notarize,
            VoteKind::Nullify => self.nullify,
            VoteKind::Finalize => self.finalize,
        }
    }

    /// Applies the rules and notes the vote. Returns whether the state changed: not for the same bytes again.
    pub(super) fn admit(
        &mut self,
        vote: &Vote,
        chain: &Hash,
        sit_out: Option<Round>,
    ) -> Result<bool, Refused> {
        let (kind, round, mark) = (vote.kind(), vote.round(), Mark::of(vote, chain));
        match self.barred {
            Barred::Unasked => return Err(Refused::Unasked { round }),
            Barred::Until(past) | Barred::Passed(past) if round <= past && !planted!("bar-ignored") => {
                return Err(Refused::SittingOut { round, past });
            }
            Barred::Free | Barred::Until(_) | Barred::Passed(_) => {}
        }
        if let Some(last) = self.last(kind) {
            if last == mark {
                return Ok(false);
            }
            if last.round == round {
                return Err(Refused::Conflict { kind, round });
            }
            if last.round > round {
                let again =
                    sit_out.and_then(|_| self.given_up()).is_some_and(|given_up| given_up.contains(round));
                return match kind {
                    VoteKind::Nullify if again && !planted!("lost-log-nullifies-once") => Ok(false),
                    _ => Err(Refused::Stale { kind, round, last: last.round }),
                };
            }
        }
        match kind {
            VoteKind::Notarize | VoteKind::Finalize => {
                if let Some(last) = self.nullify.map(|m| m.round).filter(|last| *last >= round)
                    && !planted!("sign-after-nullify")
                {
                    return Err(Refused::Nullified { round, last });
                }
                if let Some(past) = sit_out.filter(|past| *past >= round) {
                    return Err(Refused::SittingOut { round, past });
                }
            }
            VoteKind::Nullify => {
                if let Some(last) = self.finalize.map(|m| m.round).filter(|last| *last >= round) {
                    return Err(Refused::Finalized { round, last });
                }
            }
        }
        self.set(kind, mark);
        Ok(true)
    }

    /// The state on a new disk of a validator that may have signed on another.
    pub(super) fn of_new_disk() -> Self {
        Self {
            barred: if planted!("new-disk-signs") { Barred::Free } else { Barred::Unasked },
            ..Self::default()
        }
    }

    /// In which rounds nothing is signed.
    #[must_use]
    pub const fn barred(&self) -> Barred {
        self.barred
    }

    pub(super) const fn bar(&mut self, barred: Barred) {
        self.barred = barred;
    }

    /// Rounds in which no finalize was or will be signed: finalize votes only go up, and need a round after the last
    /// nullify.
    pub(crate) fn given_up(&self) -> Option<GivenUp> {
        let nothing = Round { epoch: Epoch::ZERO, view: View::ZERO };
        let after = self.finalize.map_or(nothing, |last| last.round);
        self.nullify.map(|last| GivenUp { after, last: last.round })
    }

    /// Notes a vote that was signed before, whatever its order.
    pub(super) fn observe(&mut self, vote: &Vote, chain: &Hash) -> Result<(), SignerError> {
        self.check_conflict(vote, chain)?;
        if self.last(vote.kind()).is_none_or(|last| last.round < vote.round()) {
            self.set(vote.kind(), Mark::of(vote, chain));
        }
        Ok(())
    }

    /// Fails when another vote of the kind is on record for the round.
    pub(super) fn check_conflict(&self, vote: &Vote, chain: &Hash) -> Result<(), SignerError> {
        let (kind, round) = (vote.kind(), vote.round());
        match self.last(kind) {
            Some(last) if last.round == round && last != Mark::of(vote, chain) => {
                Err(SignerError::Conflict { kind, round })
            }
            _ => Ok(()),
        }
    }

    /// The highest round in which this state knows a vote that is later than the other's last of the kind.
    pub(super) fn ahead_of(&self, other: &Self) -> Option<Round> {
        VoteKind::ALL
            .into_iter()
            .filter_map(|kind| {
                let round = self.last(kind)?.round;
                other.last(kind).is_none_or(|o| o.round < round).then_some(round)
            })
            .max()
    }

    /// The highest round of any vote.
    pub(crate) fn latest(&self) -> Option<Round> {
        VoteKind::ALL.into_iter().filter_map(|kind| self.last(kind)).map(|mark| mark.round).max()
    }

    /// Takes over what the other knows later. Returns whether anything changed.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        let mut changed = false;
        for kind in VoteKind::ALL {
            let ours = self.last(kind).map(|m| m.round);
            if let Some(mark) = other.last(kind).filter(|theirs| ours < Some(theirs.round)) {
                self.set(kind, mark);
                changed = true;
            }
        }
        changed
    }

    const fn set(&mut self, kind: VoteKind, mark: Mark) {
        match kind {
            VoteKind::Notarize => self.notarize = Some(mark),
            VoteKind::Nullify => self.nullify = Some(mark),
            VoteKind::Finalize => self.finalize = Some(mark),
        }
    }
}
