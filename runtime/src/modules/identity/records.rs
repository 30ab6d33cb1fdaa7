//! The identity module's values in state. Their encodings are part of the protocol.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::{Amount, TimeMs};

pub use wattle_primitives::state_key::AccountRecord as Account;

/// A sponsorship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sponsorship {
    /// Native base units left.
    pub allowance: Amount,
    /// First block time at which it is over.
    pub expires_ms: TimeMs,
    /// Deposit that the sponsor gets back when it ends the sponsorship, native base units.
    pub deposit: Amount,
}
