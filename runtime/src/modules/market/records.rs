//! The market's values in state. Their encodings are part of the protocol.

use crate::modules::ledger::records::Deposit;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::call::market::Side;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, TimeMs, WattHours};

/// An order that stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Order {
    /// The microgrid.
    pub microgrid: Hash,
    /// The interval.
    pub interval: IntervalId,
    /// Who placed it.
    pub account: Address,
    /// Bid or offer.
    pub side: Side,
    /// Base units per kWh.
    pub price: Amount,
    /// Energy, Wh.
    pub wh: WattHours,
    /// With whom rather than with others.
    pub partner: Option<Address>,
    /// First block time at which it no longer stands: its place in the queue. `None`: the end of the interval, which
    /// its clearing comes before.
    pub expires_ms: Option<TimeMs>,
    /// Its number in the interval: time priority.
    pub index: u32,
    /// The operator's fee for each kWh when it was placed.
    pub fee_per_kwh: Amount,
    /// Amount held of the wallet under the order's id, base units; no hold when zero.
    pub reserved: Amount,
    /// Deposit for its key, that of the hold aside.
    pub deposit: Deposit,
    /// Energy filled, once the market is cleared, Wh.
    pub filled_wh: WattHours,
    /// Price of the energy filled, base units: a bid pays it, an offer earns it.
    pub amount: Amount,
    /// Fee that a bid pays the operator besides, base units.
    pub fee: Amount,
}
