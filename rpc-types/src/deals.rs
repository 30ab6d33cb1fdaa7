//! `deals_*`: bilateral requests and what they became.

use crate::{Anchored, Page, PageRequest, RpcResult, decimal};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::deals::Funding;
use wattle_primitives::call::market::Side;
use wattle_primitives::{Address, Amount, Hash, TimeMs, WattHours};

/// Queries about deals.
pub trait DealQueries {
    /// A request for a deal, or the deal.
    fn deals_get(&self, id: Hash) -> RpcResult<Anchored<DealInfo>>;

    /// A microgrid's open requests and deals, in no lasting order.
    fn deals_list(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<DealInfo>>;
}

methods![
    query!(
        "deals_getDeal",
        "A request for a deal, or the deal: what is authorised, used and left.",
        deals_get(req::<Hash>("deal"))
    ),
    list!("deals_listDeals", "A microgrid's open requests and deals.", deals_list(req::<Hash>("microgrid"))),
];

/// A request for a deal, or the deal it became. One that ended is not here: see its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DealInfo {
    /// Its id.
    pub deal: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// `requested`, `confirmed` or `authorised`.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["requested", "confirmed", "authorised"])))]
    pub state: String,
    /// Who asked.
    pub requester: Address,
    /// Whether the requester charges (buys) or discharges (sells).
    pub side: Side,
    /// Agreed energy; the most asked for while it is a request.
    pub wh: WattHours,
    /// Least energy.
    pub wh_min: WattHours,
    /// Whole multiples of this.
    pub unit_wh: WattHours,
    /// Base units per kWh.
    pub price: Amount,
    /// When the request or the authorisation ends.
    pub expires_ms: TimeMs,
    /// The other side, once confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<Address>,
    /// The money that backs it, once authorised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funding: Option<Funding>,
    /// Reserved by the authorisation, base units.
    pub reserved: Amount,
    /// How far use may overshoot the agreed amount.
    pub margin_wh: WattHours,
    /// The charging side's meter, once authorised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<Address>,
    /// Number of the newest report; 0 before the first.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub seq: u64,
    /// Charged so far.
    pub used_wh: WattHours,
    /// Agreed amount less what was charged.
    pub remaining_wh: WattHours,
    /// Whether the charging side must stop.
    pub stop: bool,
    /// Acceptances of a request.
    pub acceptances: Vec<AcceptanceInfo>,
}

/// An acceptance of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AcceptanceInfo {
    /// Who accepts.
    pub account: Address,
    /// Most energy.
    pub wh_max: WattHours,
    /// Base units per kWh.
    pub price: Amount,
}
