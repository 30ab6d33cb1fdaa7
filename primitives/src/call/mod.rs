//! Every call that a transaction can make, by the module it is addressed to.
//!
//! In JSON: `{"module": "token", "call": "transfer", "args": {"to": "wat1…", "asset": "0", "amount": "5"}}`.
//! A call is a file of its own name in its module's folder; what it does stands in the runtime under the same name.
//! Discriminants are explicit and never reused; a new call is a new number.

/// Makes a module's calls one enum: their numbers on the wire, and their names in JSON, which are those of their files.
macro_rules! calls {
    ($(#[$doc:meta])* $module:ident($calls:ident) { $($name:ident: $call:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, ::borsh::BorshSerialize, ::borsh::BorshDeserialize, ::serde::Serialize, ::serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[borsh(use_discriminant = true)]
        #[serde(tag = "call", content = "args", rename_all = "snake_case", deny_unknown_fields)]
        #[repr(u8)]
        pub enum $calls {
            $(#[doc = concat!("See [`", stringify!($call), "`].")] $call($call) = $number,)*
        }

        impl $calls {
            /// Every call's name.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Every call's number, in the order of the names.
            pub const NUMBERS: &'static [u8] = &[$($number),*];

            /// The call's name in JSON.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$call(_) => stringify!($name),)* }
            }

            /// The call's number on the wire.
            #[must_use]
            pub const fn number(&self) -> u8 {
                match self { $(Self::$call(_) => $number,)* }
            }
        }

        $(impl From<$call> for $crate::Call {
            fn from(call: $call) -> Self {
                Self::$module($calls::$call(call))
            }
        })*
    };
}

pub mod deals;
pub mod disputes;
pub mod energy;
pub mod identity;
mod kind;
pub mod ledger;
pub mod market;
pub mod token;

pub use deals::DealsCall;
pub use disputes::DisputesCall;
pub use energy::EnergyCall;
pub use identity::IdentityCall;
pub use kind::{CallKind, CallKindError};
pub use ledger::LedgerCall;
pub use market::MarketCall;
pub use token::TokenCall;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

macro_rules! modules {
    ($($(#[$doc:meta])* $name:ident: $module:ident($calls:ident) = $number:literal,)*) => {
        /// One call, addressed to a module.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[borsh(use_discriminant = true)]
        #[serde(tag = "module", rename_all = "snake_case")]
        #[repr(u8)]
        pub enum Call { $($(#[$doc])* $module($calls) = $number,)* }

        impl Call {
            /// Every module with the names of its calls, as they are written in JSON.
            pub const NAMES: &'static [(&'static str, &'static [&'static str])] =
                &[$((stringify!($name), $calls::NAMES)),*];

            /// The numbers of every module and of its calls, in the order of the names.
            pub const NUMBERS: &'static [(u8, &'static [u8])] = &[$(($number, $calls::NUMBERS)),*];

            /// Which call it is, whatever its arguments.
            #[must_use]
            pub const fn kind(&self) -> CallKind {
                match self { $(Self::$module(call) => CallKind { module: $number, call: call.number() },)* }
            }

            /// Module and call as they are written in JSON, for logs and receipts.
            #[must_use]
            pub const fn name(&self) -> (&'static str, &'static str) {
                match self { $(Self::$module(call) => (stringify!($name), call.name()),)* }
            }
        }
    };
}

modules! {
    /// Books, accounts, journals, holds.
    ledger: Ledger(LedgerCall) = 0,
    /// Assets: creation, issue, burning, transfers.
    token: Token(TokenCall) = 1,
    /// Keys and sponsorship.
    identity: Identity(IdentityCall) = 2,
    /// Microgrids, meters, readings.
    energy: Energy(EnergyCall) = 3,
    /// Orders for the energy of an interval.
    market: Market(MarketCall) = 4,
    /// Bilateral deals.
    deals: Deals(DealsCall) = 5,
    /// Contested bills.
    disputes: Disputes(DisputesCall) = 6,
}

// The shortest call is 2 bytes on the wire. What it grows to in memory bounds what a hostile block of
// `BLOCK_BYTES_MAX` can make its reader allocate: box a variant before raising this.
const _: () = assert!(size_of::<Call>() <= 224, "a decoded call stays small");
