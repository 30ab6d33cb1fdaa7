//! Which events concern whom.

use crate::types::{EventFilter, EventItem};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::{Address, Event};

/// Every event type, as written in `event.type`.
pub const EVENT_TYPES: &[&str] = &[
    "fee_charged",
    "book_created",
    "ledger_account_opened",
    "posted",
    "hold_created",
    "hold_captured",
    "hold_released",
    "asset_issued",
    "account_created",
    "authority_changed",
    "sponsorship_granted",
    "sponsorship_ended",
    "microgrid_registered",
    "meter_registered",
    "reading_accepted",
    "reading_refused",
    "terms_set",
    "member_set",
    "order_placed",
    "order_ended",
    "market_cleared",
    "traded",
    "energy_settled",
    "interval_settled",
    "interval_final",
    "energy_adjusted",
    "loss_shared",
    "tab_paid",
    "credit_exceeded",
    "meter_swapped",
    "deal_requested",
    "deal_accepted",
    "deal_confirmed",
    "deal_authorised",
    "deal_usage",
    "deal_ended",
    "dispute_opened",
    "dispute_voted",
    "dispute_decided",
    "deal_withdrawn",
    "collection_set",
];

/// The event's type, as written in JSON.
#[must_use]
pub const fn event_type(event: &Event) -> &'static str {
    match event {
        Event::FeeCharged { .. } => "fee_charged",
        Event::BookCreated { .. } => "book_created",
        Event::LedgerAccountOpened { .. } => "ledger_account_opened",
        Event::Posted { .. } => "posted",
        Event::HoldCreated { .. } => "hold_created",
        Event::HoldCaptured { .. } => "hold_captured",
        Event::HoldReleased { .. } => "hold_released",
        Event::AssetIssued { .. } => "asset_issued",
        Event::AccountCreated { .. } => "account_created",
        Event::AuthorityChanged { .. } => "authority_changed",
        Event::SponsorshipGranted { .. } => "sponsorship_granted",
        Event::SponsorshipEnded { .. } => "sponsorship_ended",
        Event::MicrogridRegistered { .. } => "microgrid_registered",
        Event::MeterRegistered { .. } => "meter_registered",
        Event::ReadingAccepted { .. } => "reading_accepted",
        Event::ReadingRefused { .. } => "reading_refused",
        Event::TermsSet { .. } => "terms_set",
        Event::MemberSet { .. } => "member_set",
        Event::OrderPlaced { .. } => "order_placed",
        Event::OrderEnded { .. } => "order_ended",
        Event::MarketCleared { .. } => "market_cleared",
        Event::Traded { .. } => "traded",
        Event::EnergySettled { .. } => "energy_settled",
        Event::IntervalSettled { .. } => "interval_settled",
        Event::IntervalFinal { .. } => "interval_final",
        Event::EnergyAdjusted { .. } => "energy_adjusted",
        Event::LossShared { .. } => "loss_shared",
        Event::TabPaid { .. } => "tab_paid",
        Event::CreditExceeded { .. } => "credit_exceeded",
        Event::MeterSwapped { .. } => "meter_swapped",
        Event::DealRequested { .. } => "deal_requested",
        Event::DealAccepted { .. } => "deal_accepted",
        Event::DealConfirmed { .. } => "deal_confirmed",
        Event::DealAuthorised { .. } => "deal_authorised",
        Event::DealUsage { .. } => "deal_usage",
        Event::DealEnded { .. } => "deal_ended",
        Event::DisputeOpened { .. } => "dispute_opened",
        Event::DisputeVoted { .. } => "dispute_voted",
        Event::DisputeDecided { .. } => "dispute_decided",
        Event::DealWithdrawn { .. } => "deal_withdrawn",
        Event::CollectionSet { .. } => "collection_set",
    }
}

/// The addresses an event names, at most two. What only names a hold, a deal or an interval names none: the accounts
/// are in the event that began it.
pub fn addresses(event: &Event) -> impl Iterator<Item = Address> {
    let wallet = |id: &AccountId| match id {
        AccountId::Wallet { owner } => Some(*owner),
        AccountId::Book { .. } | AccountId::System { .. } | AccountId::Due { .. } => None,
    };
    let (first, second) = match event {
        Event::FeeCharged { payer, .. } => (Some(*payer), None),
        Event::BookCreated { owner, .. } => (Some(*owner), None),
        Event::LedgerAccountOpened { account, .. } => (wallet(account), None),
        Event::Posted { debit, credit, .. } | Event::HoldCreated { debit, credit, .. } => {
            (wallet(debit), wallet(credit))
        }
        Event::HoldCaptured { .. } | Event::HoldReleased { .. } => (None, None),
        Event::AssetIssued { issuer, .. } => (Some(*issuer), None),
        Event::AccountCreated { account } | Event::AuthorityChanged { account } => (Some(*account), None),
        Event::SponsorshipGranted { sponsor, grantee, .. } | Event::SponsorshipEnded { sponsor, grantee } => {
            (Some(*sponsor), Some(*grantee))
        }
        Event::MicrogridRegistered { operator, .. } => (Some(*operator), None),
        Event::MeterRegistered { meter, owner, .. } => (Some(*meter), Some(*owner)),
        Event::ReadingAccepted { meter, .. } | Event::ReadingRefused { meter, .. } => (Some(*meter), None),
        Event::MemberSet { account, .. }
        | Event::OrderPlaced { account, .. }
        | Event::OrderEnded { account, .. }
        | Event::EnergySettled { account, .. }
        | Event::LossShared { account, .. }
        | Event::TabPaid { account, .. }
        | Event::CreditExceeded { account, .. }
        | Event::DealRequested { account, .. }
        | Event::DealAccepted { account, .. }
        | Event::DealWithdrawn { account, .. }
        | Event::CollectionSet { account, .. }
        | Event::DisputeVoted { account, .. }
        | Event::DisputeDecided { account, .. } => (Some(*account), None),
        Event::Traded { buyer, seller, .. } => (Some(*buyer), Some(*seller)),
        Event::EnergyAdjusted { meter, account, .. } | Event::DisputeOpened { meter, account, .. } => {
            (Some(*account), Some(*meter))
        }
        Event::MeterSwapped { old, new, .. } => (Some(*old), Some(*new)),
        Event::DealConfirmed { charger, discharger, .. } => (Some(*charger), Some(*discharger)),
        Event::DealEnded { charger, discharger, .. } => (*charger, *discharger),
        Event::TermsSet { .. }
        | Event::MarketCleared { .. }
        | Event::IntervalSettled { .. }
        | Event::IntervalFinal { .. }
        | Event::DealAuthorised { .. }
        | Event::DealUsage { .. } => (None, None),
    };
    first.into_iter().chain(second)
}

/// Whether an event names `address`.
#[must_use]
pub fn touches(event: &Event, address: &Address) -> bool {
    addresses(event).any(|a| a == *address)
}

impl EventFilter {
    /// Whether all that is asked for holds.
    #[must_use]
    pub fn matches(&self, item: &EventItem) -> bool {
        let kind = event_type(&item.event);
        (self.types.is_empty() || self.types.iter().any(|t| t == kind))
            && (self.accounts.is_empty() || self.accounts.iter().any(|a| touches(&item.event, a)))
            && (self.txs.is_empty() || item.tx.is_some_and(|tx| self.txs.contains(&tx)))
    }
}
