use super::Concerns;
use crate::{Address, Amount, TimeMs};

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
            /// Native base units in all.
            allowance: Amount,
            /// When it ends.
            expires_ms: TimeMs,
        } = 2,
        /// A sponsorship ended.
        sponsorship_ended: SponsorshipEnded {
            /// Who paid.
            sponsor: Address,
            /// For whom.
            grantee: Address,
        } = 3,
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
        }
    }
}
