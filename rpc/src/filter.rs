//! Which events concern whom.

use crate::types::{EventFilter, EventItem};
use wattle_primitives::event::{
    DealsEvent, DisputesEvent, EnergyEvent, IdentityEvent, LedgerEvent, MarketEvent, TokenEvent,
};
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
        Event::Ledger(LedgerEvent::FeeCharged { .. }) => "fee_charged",
        Event::Ledger(LedgerEvent::BookCreated { .. }) => "book_created",
        Event::Ledger(LedgerEvent::LedgerAccountOpened { .. }) => "ledger_account_opened",
        Event::Ledger(LedgerEvent::Posted { .. }) => "posted",
        Event::Ledger(LedgerEvent::HoldCreated { .. }) => "hold_created",
        Event::Ledger(LedgerEvent::HoldCaptured { .. }) => "hold_captured",
        Event::Ledger(LedgerEvent::HoldReleased { .. }) => "hold_released",
        Event::Token(TokenEvent::AssetIssued { .. }) => "asset_issued",
        Event::Identity(IdentityEvent::AccountCreated { .. }) => "account_created",
        Event::Identity(IdentityEvent::AuthorityChanged { .. }) => "authority_changed",
        Event::Identity(IdentityEvent::SponsorshipGranted { .. }) => "sponsorship_granted",
        Event::Identity(IdentityEvent::SponsorshipEnded { .. }) => "sponsorship_ended",
        Event::Energy(EnergyEvent::MicrogridRegistered { .. }) => "microgrid_registered",
        Event::Energy(EnergyEvent::MeterRegistered { .. }) => "meter_registered",
        Event::Energy(EnergyEvent::ReadingAccepted { .. }) => "reading_accepted",
        Event::Energy(EnergyEvent::ReadingRefused { .. }) => "reading_refused",
        Event::Energy(EnergyEvent::TermsSet { .. }) => "terms_set",
        Event::Energy(EnergyEvent::MemberSet { .. }) => "member_set",
        Event::Market(MarketEvent::OrderPlaced { .. }) => "order_placed",
        Event::Market(MarketEvent::OrderEnded { .. }) => "order_ended",
        Event::Market(MarketEvent::MarketCleared { .. }) => "market_cleared",
        Event::Market(MarketEvent::Traded { .. }) => "traded",
        Event::Energy(EnergyEvent::EnergySettled { .. }) => "energy_settled",
        Event::Energy(EnergyEvent::IntervalSettled { .. }) => "interval_settled",
        Event::Energy(EnergyEvent::IntervalFinal { .. }) => "interval_final",
        Event::Energy(EnergyEvent::EnergyAdjusted { .. }) => "energy_adjusted",
        Event::Energy(EnergyEvent::LossShared { .. }) => "loss_shared",
        Event::Energy(EnergyEvent::TabPaid { .. }) => "tab_paid",
        Event::Energy(EnergyEvent::CreditExceeded { .. }) => "credit_exceeded",
        Event::Energy(EnergyEvent::MeterSwapped { .. }) => "meter_swapped",
        Event::Deals(DealsEvent::DealRequested { .. }) => "deal_requested",
        Event::Deals(DealsEvent::DealAccepted { .. }) => "deal_accepted",
        Event::Deals(DealsEvent::DealConfirmed { .. }) => "deal_confirmed",
        Event::Deals(DealsEvent::DealAuthorised { .. }) => "deal_authorised",
        Event::Deals(DealsEvent::DealUsage { .. }) => "deal_usage",
        Event::Deals(DealsEvent::DealEnded { .. }) => "deal_ended",
        Event::Disputes(DisputesEvent::DisputeOpened { .. }) => "dispute_opened",
        Event::Disputes(DisputesEvent::DisputeVoted { .. }) => "dispute_voted",
        Event::Disputes(DisputesEvent::DisputeDecided { .. }) => "dispute_decided",
        Event::Deals(DealsEvent::DealWithdrawn { .. }) => "deal_withdrawn",
        Event::Energy(EnergyEvent::CollectionSet { .. }) => "collection_set",
    }
}

/// Whether an event names `address`.
#[must_use]
pub fn touches(event: &Event, address: &Address) -> bool {
    event.concerns().parties.contains(&Some(*address))
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
