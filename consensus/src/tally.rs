//! Counts the votes of one view and notices double votes.
//!
//! Signatures are verified before votes get here. No crypto, clock or I/O.
//!
//! # Invariants
//! - A signer counts once per kind of vote; its first vote stays.
//! - Every vote in a tally is of the tally's view.

use std::collections::BTreeMap;
use wattle_primitives::{Evidence, SignedVote, ValidatorIndex, Vote, VoteKind, planted};

/// The votes of one kind in one view.
#[derive(Debug, Default)]
struct Tally {
    votes: BTreeMap<ValidatorIndex, SignedVote>,
    power: BTreeMap<Vote, u64>,
}

/// The votes of one view.
#[derive(Debug, Default)]
pub(crate) struct Ballots {
    notarize: Tally,
    nullify: Tally,
    finalize: Tally,
}

/// The effect of a vote on the count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// Counted: so much power is now for exactly this vote.
    New { power: u64, evidence: Option<Evidence> },
    /// Held already.
    Duplicate,
    /// The signer voted otherwise before: not counted.
    Conflict(Evidence),
}

impl Added {
    /// The offence that the vote proves.
    pub(crate) const fn evidence(&self) -> Option<Evidence> {
        match self {
            Self::New { evidence, .. } => *evidence,
            Self::Conflict(evidence) => Some(*evidence),
            Self::Duplicate => None,
        }
    }

    /// Whether the signer has voted for something else before.
    pub(crate) const fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict(_) => true,
            Self::New { .. } | Self::Duplicate => false,
        }
    }
}

impl Ballots {
    /// Counts a vote of a signer with `power`.
    pub(crate) fn add(&mut self, signed: &SignedVote, power: u64) -> Added {
        let cross = match signed.vote {
            Vote::Nullify(_) => self.finalize.votes.get(&signed.signer),
            Vote::Finalize(_) => self.nullify.votes.get(&signed.signer),
            Vote::Notarize(_) => None,
        };
        let evidence = cross.and_then(|other| Evidence::of(other, signed));
        let tally = self.tally_mut(signed.vote.kind());
        match tally.votes.get(&signed.signer) {
            Some(held) if held.vote == signed.vote && !planted!("duplicate-vote-counted") => {
                return Added::Duplicate;
            }
            Some(held) if held.vote == signed.vote => {}
            Some(held) => {
                return Evidence::of(held, signed).map_or(Added::Duplicate, Added::Conflict);
            }
            None => {}
        }
        tally.votes.insert(signed.signer, *signed);
        let sum = tally.power.entry(signed.vote).or_insert(0);
        *sum = sum.saturating_add(power);
        Added::New { power: *sum, evidence }
    }

    /// Whether exactly this vote, signature included, was counted.
    pub(crate) fn holds(&self, signed: &SignedVote) -> bool {
        self.vote_of(signed.vote.kind(), signed.signer) == Some(signed)
    }

    /// All votes of a kind, by signer.
    pub(crate) fn votes(&self, kind: VoteKind) -> impl Iterator<Item = &SignedVote> {
        self.tally(kind).votes.values()
    }

    /// The power behind exactly this vote.
    pub(crate) fn power_of(&self, vote: &Vote) -> u64 {
        self.tally(vote.kind()).power.get(vote).copied().unwrap_or(0)
    }

    /// A signer's vote of a kind.
    pub(crate) fn vote_of(&self, kind: VoteKind, signer: ValidatorIndex) -> Option<&SignedVote> {
        self.tally(kind).votes.get(&signer)
    }

    const fn tally(&self, kind: VoteKind) -> &Tally {
        match kind {
            VoteKind::Notarize => &self.notarize,
            VoteKind::Nullify => &self.nullify,
            VoteKind::Finalize => &self.finalize,
        }
    }

    const fn tally_mut(&mut self, kind: VoteKind) -> &mut Tally {
        match kind {
            VoteKind::Notarize => &mut self.notarize,
            VoteKind::Nullify => &mut self.nullify,
            VoteKind::Finalize => &mut self.finalize,
        }
    }
}
