//! One view: its votes, its proposal, its notarization.

use crate::tally::Ballots;
use wattle_primitives::{Certificate, Hash, Proposal, Vote};

/// One view above the last finalization.
#[derive(Debug, Default)]
pub(crate) struct ViewState {
    /// Votes counted.
    pub(crate) ballots: Ballots,
    /// The leader's first notarize seen.
    pub(crate) proposal: Option<Proposal>,
    /// A quorum's notarize.
    pub(crate) notarization: Option<Certificate>,
    /// Rule 4: the notarized block is held, executed and durable here.
    pub(crate) certified: bool,
    /// The notarized block does not extend the last finalization: nothing can be built on it any more.
    pub(crate) dead: bool,
    /// The leader signed two notarizes.
    pub(crate) equivocated: bool,
}

impl ViewState {
    /// The notarized proposal.
    pub(crate) const fn notarized(&self) -> Option<Proposal> {
        match &self.notarization {
            Some(Certificate { vote: Vote::Notarize(proposal), .. }) => Some(*proposal),
            Some(Certificate { vote: Vote::Nullify(_) | Vote::Finalize(_), .. }) | None => None,
        }
    }

    /// The block that may be built on.
    pub(crate) fn certified_block(&self) -> Option<Hash> {
        self.notarized().filter(|_| self.certified && !self.dead).map(|p| p.block)
    }
}
