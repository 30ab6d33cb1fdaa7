use super::Side;
use crate::units::IntervalId;
use crate::{Address, Amount, Hash, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Offers to buy or sell energy of one interval; by a member. Reserves the worst case from the sender's wallet.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaceOrder {
    /// The microgrid.
    pub microgrid: Hash,
    /// Chosen by the sender; with the sender's address it makes the order's id.
    pub reference: Hash,
    /// The interval.
    pub interval: IntervalId,
    /// Bid or offer.
    pub side: Side,
    /// Base units per kWh: at most for a bid, at least for an offer.
    pub price: Amount,
    /// Energy, more than 0.
    pub wh: WattHours,
    /// With whom to trade rather than with others, where prices allow it.
    pub partner: Option<Address>,
    /// Block time from which on the order no longer stands, at most the interval's end: it is neither traded nor
    /// cancelled any more, and its money is free. When absent it stands until the market is cleared.
    pub expires_ms: Option<TimeMs>,
}
