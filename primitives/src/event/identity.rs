use super::Concerns;
use crate::call::identity::Limits;
use crate::{Address, Hash};

events! {
    /// Events of the identity module.
    Identity(IdentityEvent) {
        /// An account came into being.
        account_created: AccountCreated {
            /// Its address.
            account: Address,
        } = 0,
        /// An account's keys were replaced.
        authority_changed: AuthorityChanged {
            /// The account.
            account: Address,
        } = 1,
        /// A sponsorship began or was replaced.
        sponsorship_granted: SponsorshipGranted {
            /// Who pays.
            sponsor: Address,
            /// For whom.
            grantee: Address,
            /// How far.
            limits: Limits,
        } = 2,
        /// A sponsorship ended.
        sponsorship_ended: SponsorshipEnded {
            /// Who paid.
            sponsor: Address,
            /// For whom.
            grantee: Address,
        } = 3,
        /// An account may act for another.
        grant_made: GrantMade {
            /// The grant.
            grant: Hash,
            /// The account on whose behalf it may act.
            grantor: Address,
            /// The account that may act.
            grantee: Address,
            /// How far.
            limits: Limits,
        } = 4,
        /// A grant is no more.
        grant_revoked: GrantRevoked {
            /// The grant.
            grant: Hash,
            /// The account on whose behalf it may act.
            grantor: Address,
            /// The account that may act.
            grantee: Address,
        } = 5,
        /// A transaction's calls act on behalf of another account: what comes after in the transaction is by it.
        grant_used: GrantUsed {
            /// The grant.
            grant: Hash,
            /// On whose behalf.
            grantor: Address,
            /// Who signed.
            grantee: Address,
        } = 6,
    }
}

impl IdentityEvent {
    /// Whom the event concerns.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::AccountCreated { account } | Self::AuthorityChanged { account } => {
                Concerns::party(*account)
            }
            Self::SponsorshipGranted { sponsor, grantee, .. }
            | Self::SponsorshipEnded { sponsor, grantee } => Concerns::parties(*sponsor, *grantee),
            Self::GrantMade { grantor, grantee, .. }
            | Self::GrantRevoked { grantor, grantee, .. }
            | Self::GrantUsed { grantor, grantee, .. } => Concerns::parties(*grantor, *grantee),
        }
    }
}
