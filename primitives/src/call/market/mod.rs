//! Orders for the energy of an interval.

mod cancel_order;
mod place_order;

pub use cancel_order::CancelOrder;
pub use place_order::PlaceOrder;

use crate::{Address, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most orders for one interval of a microgrid.
pub const ORDERS_MAX: u32 = 10_000;
/// Most orders that a member can place for one interval, cancelled ones included: each keeps its place in the list.
pub const ORDERS_PER_MEMBER_MAX: u16 = 100;
/// Most energy of one order in Wh.
pub const ORDER_WH_MAX: u64 = 1_000_000_000;
/// How long before an interval's start orders for it are taken, ms: two days. New terms wait for those intervals.
pub const ORDER_AHEAD_MS_MAX: u64 = 2 * 24 * 3600 * 1000;

/// Which side of a market, or of a deal, somebody is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Side {
    /// Buys energy: a bid; in a deal, who charges.
    Buy = 0,
    /// Sells energy: an offer; in a deal, who discharges.
    Sell = 1,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum OrderEnd {
    /// By its owner.
    Cancelled = 0,
    /// Its time ran out before the market was cleared.
    Expired = 1,
    /// The market was cleared, whatever part of it was filled.
    Cleared = 2,
}

calls! {
    /// Calls to the market.
    Market(MarketCall) {
        place_order: PlaceOrder = 0,
        cancel_order: CancelOrder = 1,
    }
}

/// The id of the order that `sender` places with `reference`.
#[must_use]
pub fn order_id(sender: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::ORDER, &[sender.as_bytes(), reference.as_bytes()])
}
