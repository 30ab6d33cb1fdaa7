//! The values in state that disputes have. Their encodings are part of the protocol.

use crate::modules::ledger::records::Deposit;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::{Address, Amount, Hash};

/// A dispute that is not decided.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Dispute {
    /// The microgrid.
    pub microgrid: Hash,
    /// Its place in the microgrid's list, under [`crate::keys::dispute_index`].
    pub index: u32,
    /// Who contests.
    pub account: Address,
    /// About which meter.
    pub meter: Address,
    /// Base units wanted back.
    pub claim: Amount,
    /// Hash of the reasons.
    pub note: Hash,
    /// Votes for the claim.
    pub upheld: u16,
    /// Votes against it.
    pub rejected: u16,
    /// Codes of the members who voted: at most [`DISPUTE_VOTES_MAX`] on each side.
    ///
    /// [`DISPUTE_VOTES_MAX`]: wattle_primitives::call::energy::DISPUTE_VOTES_MAX
    pub voters: Vec<u32>,
    /// Deposit for its key.
    pub deposit: Deposit,
}
