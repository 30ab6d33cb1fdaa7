//! The values in state that deals have. Their encodings are part of the protocol.

use crate::modules::ledger::records::Deposit;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::call::deals::{ACCEPTANCES_MAX, Funding};
use wattle_primitives::call::market::Side;
use wattle_primitives::{Address, Amount, BoundedVec, Hash, TimeMs, WattHours};

/// A request for a deal, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Deal {
    /// The microgrid.
    pub microgrid: Hash,
    /// Its place in the microgrid's list, under [`crate::keys::deal_index`].
    pub index: u32,
    /// Who asked.
    pub requester: Address,
    /// On which side.
    pub side: Side,
    /// Most energy; the deal's own once it is confirmed.
    pub wh: WattHours,
    /// Least energy.
    pub wh_min: WattHours,
    /// Whole multiples of this.
    pub unit_wh: WattHours,
    /// Base units per kWh; the charging side's once it is confirmed.
    pub price: Amount,
    /// End of the request, then of the time to authorise, then of the authorisation: its place in the queue.
    pub expires_ms: TimeMs,
    /// Deposit for its key.
    pub deposit: Deposit,
    /// Whose acceptances stand, under [`crate::keys::acceptance`]; none once it is confirmed.
    pub acceptors: BoundedVec<Address, ACCEPTANCES_MAX>,
    /// Where it stands.
    pub state: DealState,
}

/// Where a deal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum DealState {
    /// Acceptances are taken.
    Requested = 0,
    /// With whom.
    Confirmed {
        /// The other side.
        partner: Address,
    } = 1,
    /// The charging side may charge.
    Authorised {
        /// The other side.
        partner: Address,
        /// The money that backs it.
        funding: Funding,
        /// How far use may overshoot, Wh.
        margin_wh: WattHours,
        /// Number of the newest report.
        seq: u64,
        /// Charged so far.
        used_wh: WattHours,
        /// The charging side's meter.
        meter: Address,
        /// Its import counter when the deal was authorised, less what had backed deals by then, Wh.
        from_wh: WattHours,
    } = 2,
}

/// An acceptance of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Acceptance {
    /// Most energy.
    pub wh_max: WattHours,
    /// Base units per kWh.
    pub price: Amount,
    /// Deposit for its key.
    pub deposit: Deposit,
}
