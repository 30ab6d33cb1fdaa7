use super::Concerns;
use crate::{Address, Amount, Hash, WattHours};

events! {
    /// Events of disputes.
    Disputes(DisputesEvent) {
        /// A bill is contested.
        dispute_opened: DisputeOpened {
            /// The dispute.
            dispute: Hash,
            /// The microgrid.
            microgrid: Hash,
            /// By whom.
            account: Address,
            /// About which meter.
            meter: Address,
            /// Import between the two readings.
            import_wh: WattHours,
            /// Export between the two readings.
            export_wh: WattHours,
            /// Base units wanted back.
            claim: Amount,
        } = 0,
        /// A member voted on a dispute.
        dispute_voted: DisputeVoted {
            /// The dispute.
            dispute: Hash,
            /// Who voted.
            account: Address,
            /// Whether the vote is for the claim.
            uphold: bool,
        } = 1,
        /// A dispute was decided.
        dispute_decided: DisputeDecided {
            /// The dispute.
            dispute: Hash,
            /// The microgrid.
            microgrid: Hash,
            /// Whose claim.
            account: Address,
            /// Whether it was granted.
            upheld: bool,
            /// Base units credited to the claimant's tab: the claim, or what of it there was to be granted.
            credit: Amount,
        } = 2,
        /// A dispute ended without a decision.
        dispute_withdrawn: DisputeWithdrawn {
            /// The dispute.
            dispute: Hash,
            /// The microgrid.
            microgrid: Hash,
            /// Whose claim.
            account: Address,
            /// By whom: the claimant, or anybody once it had expired.
            by: Address,
        } = 3,
    }
}

impl DisputesEvent {
    /// Whom the event concerns.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::DisputeOpened { account, meter, .. } => Concerns::parties(*account, *meter),
            Self::DisputeVoted { account, .. } | Self::DisputeWithdrawn { account, .. } => {
                Concerns::party(*account)
            }
            Self::DisputeDecided { microgrid, account, .. } => Concerns::party(*account).billed(*microgrid),
        }
    }
}
