//! The identity module's values in state. Their encodings are part of the protocol.

use crate::modules::ledger::records::Deposit;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::bucket::Bucket;
use wattle_primitives::call::identity::Limits;
use wattle_primitives::{Address, Amount, TimeMs};

pub use wattle_primitives::state_key::AccountRecord as Account;

/// Limits, and what was spent within them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Allowance {
    /// How far it goes.
    pub limits: Limits,
    /// Amounts spent, one for each asset of the limits, in their order.
    pub spent: Vec<Spent>,
    /// Transactions so far.
    pub uses: u32,
    /// Transactions of late, at 3,600 units each.
    pub hour: Bucket,
}

/// Amount spent of an asset, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Spent {
    /// In all.
    pub total: Amount,
    /// In the period that began at `period_from_ms`.
    pub period: Amount,
    /// When that period began.
    pub period_from_ms: TimeMs,
    /// In the newest transaction.
    pub tx: Amount,
}

/// A sponsorship.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sponsorship {
    /// How far it goes, and what was spent.
    pub allowance: Allowance,
    /// Its number in the sponsor's list, and in the grantee's.
    pub index: [u32; 2],
    /// Deposit for its key.
    pub deposit: Deposit,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Grant {
    /// On whose behalf.
    pub grantor: Address,
    /// Who acts.
    pub grantee: Address,
    /// How far it goes, and what was spent.
    pub allowance: Allowance,
    /// Its number in the grantor's list, and in the grantee's.
    pub index: [u32; 2],
    /// Deposit for its key.
    pub deposit: Deposit,
}
