//! Everything that happens in a block, in the order it happens. Bound by `receipts_root`.
//!
//! An event is named by (height, index), the index counting through the whole block: the block's own events first,
//! then each transaction's. Each module has its own events, numbered within the module.

/// Makes a module's events one enum: their numbers on the wire, and their types in JSON.
macro_rules! events {
    ($(#[$doc:meta])* $module:ident($events:ident) {
        $($(#[$vdoc:meta])* $name:ident: $event:ident { $($(#[$field:meta])* $part:ident: $type:ty,)* } = $number:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, ::borsh::BorshSerialize, ::borsh::BorshDeserialize, ::serde::Serialize, ::serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[borsh(use_discriminant = true)]
        #[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
        #[repr(u8)]
        pub enum $events {
            $($(#[$vdoc])* $event { $($(#[$field])* $part: $type,)* } = $number,)*
        }

        impl $events {
            /// Every event's type.
            pub const TYPES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// The event's type in JSON.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self { $(Self::$event { .. } => stringify!($name),)* }
            }
        }

        impl From<$events> for $crate::Event {
            fn from(event: $events) -> Self {
                Self::$module(event)
            }
        }
    };
}

mod deals;
mod disputes;
mod energy;
mod identity;
mod ledger;
mod market;
mod token;

pub use deals::DealsEvent;
pub use disputes::DisputesEvent;
pub use energy::EnergyEvent;
pub use identity::IdentityEvent;
pub use ledger::LedgerEvent;
pub use market::MarketEvent;
pub use token::TokenEvent;

use crate::{Address, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

macro_rules! modules {
    ($($(#[$doc:meta])* $module:ident($events:ident) = $number:literal,)*) => {
        /// One event, of whichever module: in JSON its type alone says which.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[borsh(use_discriminant = true)]
        #[serde(untagged)]
        #[repr(u8)]
        pub enum Event { $($(#[$doc])* $module($events) = $number,)* }

        impl Event {
            /// The types of every module's events, as they are written in JSON.
            pub fn types() -> impl Iterator<Item = &'static str> {
                let modules: &[&[&str]] = &[$($events::TYPES),*];
                modules.iter().flat_map(|types| types.iter().copied())
            }

            /// The event's type in JSON.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self { $(Self::$module(event) => event.type_name(),)* }
            }

            /// Whom the event concerns.
            #[must_use]
            pub const fn concerns(&self) -> Concerns {
                match self { $(Self::$module(event) => event.concerns(),)* }
            }
        }
    };
}

modules! {
    /// Money: fees, books, accounts, postings, holds.
    Ledger(LedgerEvent) = 0,
    /// Creation of assets.
    Token(TokenEvent) = 1,
    /// Accounts, keys and sponsorship.
    Identity(IdentityEvent) = 2,
    /// Microgrids, meters, readings, settlement.
    Energy(EnergyEvent) = 3,
    /// Orders and trades.
    Market(MarketEvent) = 4,
    /// Bilateral deals.
    Deals(DealsEvent) = 5,
    /// Contested bills.
    Disputes(DisputesEvent) = 6,
}

/// Whom an event concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concerns {
    /// The accounts and meters that it names. An event that only names a hold, a deal or an interval names none: they
    /// are in the event that began it.
    pub parties: [Option<Address>; 2],
    /// In whose bill it is a line: accounts whose tab it explains, or the microgrid, named by its id as an address,
    /// whose intervals it tells of.
    pub bill: [Option<Address>; 2],
    /// The microgrid of a line of a bill.
    pub microgrid: Option<Hash>,
}

impl Concerns {
    /// Nobody in particular.
    pub(crate) const NOBODY: Self = Self { parties: [None, None], bill: [None, None], microgrid: None };

    /// One account or meter.
    pub(crate) const fn party(one: Address) -> Self {
        Self { parties: [Some(one), None], ..Self::NOBODY }
    }

    /// Two accounts or meters.
    pub(crate) const fn parties(one: Address, other: Address) -> Self {
        Self { parties: [Some(one), Some(other)], ..Self::NOBODY }
    }

    /// The same parties, on whose bills with a microgrid it stands.
    pub(crate) const fn billed(self, microgrid: Hash) -> Self {
        Self { bill: self.parties, microgrid: Some(microgrid), ..self }
    }

    /// The intervals of a microgrid.
    pub(crate) const fn of_intervals(microgrid: Hash) -> Self {
        let bill = [Some(Address::of_microgrid(&microgrid)), None];
        Self { bill, microgrid: Some(microgrid), ..Self::NOBODY }
    }
}
