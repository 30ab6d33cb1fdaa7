//! What a transaction can ask of each runtime module.
//!
//! In JSON: `{"module": "token", "call": "transfer", "args": {"to": "wat1…", "asset": "0", "amount": "5"}}`.
//! Discriminants are explicit and never reused; a new call is a new number.

pub mod energy;
pub mod identity;
pub mod ledger;
pub mod token;

pub use energy::EnergyCall;
pub use identity::IdentityCall;
pub use ledger::LedgerCall;
pub use token::TokenCall;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One call, addressed to a module.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "module", rename_all = "snake_case")]
#[repr(u8)]
pub enum Call {
    /// Books, accounts, journals, holds.
    Ledger(LedgerCall) = 0,
    /// Assets.
    Token(TokenCall) = 1,
    /// Keys and sponsorship.
    Identity(IdentityCall) = 2,
    /// Microgrids, meters, readings.
    Energy(EnergyCall) = 3,
}

impl Call {
    /// Module and call as they are written in JSON, for logs and receipts.
    #[must_use]
    pub const fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Ledger(call) => ("ledger", call.name()),
            Self::Token(call) => ("token", call.name()),
            Self::Identity(call) => ("identity", call.name()),
            Self::Energy(call) => ("energy", call.name()),
        }
    }
}

// The shortest call is 2 bytes on the wire. What it grows to in memory bounds what a hostile block of
// `BLOCK_BYTES_MAX` can make its reader allocate: box a variant before raising this.
const _: () = assert!(size_of::<Call>() <= 224, "a decoded call stays small");
