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
    }
}

/// The addresses an event names, at most two. Holds that end name none: their accounts are in `hold_created`.
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
