//! Whom an event concerns.

use super::Event;
use crate::call::ledger::AccountId;
use crate::{Address, Hash};

impl Event {
    /// The accounts and meters that the event names. What only names a hold, a deal or an interval names none: they are
    /// in the event that began it.
    #[must_use]
    pub const fn parties(&self) -> [Option<Address>; 2] {
        match self {
            Self::FeeCharged { payer, .. } => [Some(*payer), None],
            Self::BookCreated { owner, .. } => [Some(*owner), None],
            Self::LedgerAccountOpened { account, .. } => [wallet_owner(account), None],
            Self::Posted { debit, credit, .. } | Self::HoldCreated { debit, credit, .. } => {
                [wallet_owner(debit), wallet_owner(credit)]
            }
            Self::HoldCaptured { .. } | Self::HoldReleased { .. } => [None, None],
            Self::AssetIssued { issuer, .. } => [Some(*issuer), None],
            Self::AccountCreated { account } | Self::AuthorityChanged { account } => [Some(*account), None],
            Self::SponsorshipGranted { sponsor, grantee, .. }
            | Self::SponsorshipEnded { sponsor, grantee } => [Some(*sponsor), Some(*grantee)],
            Self::MicrogridRegistered { operator, .. } => [Some(*operator), None],
            Self::MeterRegistered { meter, owner, .. } => [Some(*meter), Some(*owner)],
            Self::ReadingAccepted { meter, .. } | Self::ReadingRefused { meter, .. } => [Some(*meter), None],
            Self::MemberSet { account, .. }
            | Self::OrderPlaced { account, .. }
            | Self::OrderEnded { account, .. }
            | Self::EnergySettled { account, .. }
            | Self::LossShared { account, .. }
            | Self::TabPaid { account, .. }
            | Self::CreditExceeded { account, .. }
            | Self::DealRequested { account, .. }
            | Self::DealAccepted { account, .. }
            | Self::DealWithdrawn { account, .. }
            | Self::CollectionSet { account, .. }
            | Self::DisputeVoted { account, .. }
            | Self::DisputeDecided { account, .. } => [Some(*account), None],
            Self::Traded { buyer, seller, .. } => [Some(*buyer), Some(*seller)],
            Self::EnergyAdjusted { meter, account, .. } | Self::DisputeOpened { meter, account, .. } => {
                [Some(*account), Some(*meter)]
            }
            Self::MeterSwapped { old, new, .. } => [Some(*old), Some(*new)],
            Self::DealConfirmed { charger, discharger, .. } => [Some(*charger), Some(*discharger)],
            Self::DealEnded { charger, discharger, .. } => [*charger, *discharger],
            Self::TermsSet { .. }
            | Self::MarketCleared { .. }
            | Self::IntervalSettled { .. }
            | Self::IntervalFinal { .. }
            | Self::DealAuthorised { .. }
            | Self::DealUsage { .. } => [None, None],
        }
    }

    /// In whose statement the event is a line: accounts whose tab it explains, or the microgrid, named by its id as an
    /// address, whose intervals it tells of. At most two.
    #[must_use]
    pub fn statements(&self) -> [Option<Address>; 2] {
        match self {
            Self::Traded { buyer, seller, .. } => [Some(*buyer), Some(*seller)],
            Self::DealEnded { charger: Some(charger), discharger: Some(discharger), .. } => {
                [Some(*charger), Some(*discharger)]
            }
            Self::EnergySettled { account, .. }
            | Self::EnergyAdjusted { account, .. }
            | Self::LossShared { account, .. }
            | Self::TabPaid { account, .. }
            | Self::DisputeDecided { account, .. } => [Some(*account), None],
            Self::MarketCleared { microgrid, .. }
            | Self::IntervalSettled { microgrid, .. }
            | Self::IntervalFinal { microgrid, .. } => [Some(Address(*microgrid.as_bytes())), None],
            _ => [None, None],
        }
    }

    /// The microgrid of an event that is a line of a statement.
    #[must_use]
    pub const fn microgrid(&self) -> Option<Hash> {
        match self {
            Self::Traded { microgrid, .. }
            | Self::DealEnded { microgrid, .. }
            | Self::EnergySettled { microgrid, .. }
            | Self::EnergyAdjusted { microgrid, .. }
            | Self::LossShared { microgrid, .. }
            | Self::TabPaid { microgrid, .. }
            | Self::DisputeDecided { microgrid, .. }
            | Self::MarketCleared { microgrid, .. }
            | Self::IntervalSettled { microgrid, .. }
            | Self::IntervalFinal { microgrid, .. } => Some(*microgrid),
            _ => None,
        }
    }
}

/// Whose wallet a ledger account is, if it is one.
const fn wallet_owner(id: &AccountId) -> Option<Address> {
    match id {
        AccountId::Wallet { owner } => Some(*owner),
        AccountId::Book { .. } | AccountId::System { .. } | AccountId::Due { .. } => None,
    }
}
