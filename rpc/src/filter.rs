//! Which events concern whom.

use crate::types::{EventFilter, EventItem};
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

/// Whether an event names `address`.
#[must_use]
pub fn touches(event: &Event, address: &Address) -> bool {
    event.parties().contains(&Some(*address))
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
