//! The values in state that disputes have. Their encodings are part of the protocol.

use crate::modules::ledger::records::Deposit;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::{Address, Amount, Hash, TimeMs};

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
    /// So many votes on one side decide, as the terms said when it was opened; 0: the operator alone decides.
    pub needed: u16,
    /// Who was a member when it was opened votes: whose code is not above this.
    pub electorate: u32,
    /// From then on it is not decided any more.
    pub expires_ms: TimeMs,
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

impl Dispute {
    /// Whether it has expired.
    #[must_use]
    pub fn is_over(&self, time_ms: TimeMs) -> bool {
        time_ms >= self.expires_ms
    }
}
