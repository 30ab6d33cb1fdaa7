//! Replies of `energy_*`.

use super::decimal;
use super::event::{EventItem, EventPosition};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::deals::Funding;
use wattle_primitives::call::energy::Terms;
use wattle_primitives::call::market::Side;
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::units::{BookId, IntervalId};
use wattle_primitives::{Address, Amount, AssetId, Hash, Height, PublicKey, TimeMs, WattHours};

/// A registered microgrid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MicrogridInfo {
    /// Its id.
    pub id: Hash,
    /// Who operates it.
    pub operator: Address,
    /// Asset in which energy is settled.
    pub asset: AssetId,
    /// Length of a settlement interval, ms.
    pub interval_ms: TimeMs,
    /// Registered meters.
    pub meters: u32,
    /// Its book in the ledger: code 1 is the operator's tab, each member has its own.
    pub book: BookId,
    /// Members.
    pub members: u32,
    /// Versions of its terms so far; 0: it only keeps readings.
    pub terms: u32,
    /// What members have paid in and nobody has been paid out, base units.
    pub cash: Amount,
    /// The interval that is running.
    pub current: IntervalId,
    /// The next interval to be cleared, settled and made final; absent without terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_clear: Option<IntervalId>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_settle: Option<IntervalId>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_final: Option<IntervalId>,
}

/// A registered meter and its last accepted reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeterInfo {
    /// Its id: the address of its key.
    pub address: Address,
    /// Its microgrid.
    pub microgrid: Hash,
    /// Key that signs its readings.
    pub key: PublicKey,
    /// Account that its energy is booked to.
    pub owner: Address,
    /// How its registers are encoded.
    pub encoding: RegisterEncoding,
    /// Where it stands.
    pub role: MeterRole,
    /// Most power that can flow through it, W.
    pub power_max_w: u32,
    /// The meter that took its place, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Address>,
    /// Sequence number of the last accepted reading; 0 before the first.
    #[serde(with = "decimal")]
    pub seq: u64,
    /// Import counter of that reading.
    pub import_wh: WattHours,
    /// Export counter of that reading.
    pub export_wh: WattHours,
    /// The light node's clock at that reading; not trusted.
    pub time_ms: TimeMs,
    /// First interval that it is not settled for; absent before its first settlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_until: Option<IntervalId>,
    /// Since when its readings are missing and its import is estimated, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since_ms: Option<TimeMs>,
    /// What its owner was charged by its estimates alone, base units.
    pub estimated: Amount,
}

/// One accepted reading, newest first in lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadingItem {
    /// Position of its event.
    #[serde(flatten)]
    pub position: EventPosition,
    /// Transaction that brought it.
    pub tx: Hash,
    /// The meter.
    pub meter: Address,
    /// Its sequence number.
    #[serde(with = "decimal")]
    pub seq: u64,
    /// Import counter.
    pub import_wh: WattHours,
    /// Export counter.
    pub export_wh: WattHours,
    /// The light node's clock; not trusted.
    pub time_ms: TimeMs,
    /// Time of the block, ms UTC.
    pub block_time_ms: TimeMs,
}

/// Which readings are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadingsRequest {
    /// The meter.
    pub meter: Address,
    /// Block times from here on.
    pub from_ms: TimeMs,
    /// Block times before this.
    pub to_ms: TimeMs,
}

/// Whose bill is asked for, and of when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillRequest {
    /// The account.
    pub account: Address,
    /// Of this microgrid only.
    pub microgrid: Option<Hash>,
    /// Block times from here on.
    pub from_ms: TimeMs,
    /// Block times before this.
    pub to_ms: TimeMs,
}

/// A microgrid's terms for an interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TermsInfo {
    /// The microgrid.
    pub microgrid: Hash,
    /// Which version, from 0.
    pub version: u32,
    /// First interval they hold for.
    pub from: IntervalId,
    /// The terms.
    pub terms: Terms,
}

/// A member of a microgrid and its tab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberInfo {
    /// The account.
    pub account: Address,
    /// Code of its tab in the microgrid's book.
    pub code: u32,
    /// What it owes, base units.
    pub owes: Amount,
    /// What it is owed, base units.
    pub due: Amount,
    /// Its own credit limit; the terms' when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_limit: Option<Amount>,
    /// What of its credit deals have reserved, base units.
    pub reserved: Amount,
    /// What of its debt rests on estimates, base units.
    pub estimated: Amount,
    /// Whether settlement may debit its wallet; else it pays by itself.
    pub collect: bool,
    /// What it must keep for energy sold and not settled yet, base units: not paid out before.
    pub exposed: Amount,
}

/// Where an interval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalState {
    /// Orders are taken, where the terms provide for them.
    Open,
    /// The gate is closed; orders are being matched.
    Clearing,
    /// Cleared; energy flows, or its readings are awaited.
    Cleared,
    /// Lines are being posted.
    Settling,
    /// Every account has its line; readings that come now become adjustments at once.
    Settled,
    /// The late window is over.
    Final,
}

/// An interval of a microgrid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntervalInfo {
    /// The microgrid.
    pub microgrid: Hash,
    /// Its number.
    pub interval: IntervalId,
    /// When it starts.
    pub start_ms: TimeMs,
    /// When it ends.
    pub end_ms: TimeMs,
    /// Where it stands.
    pub state: IntervalState,
    /// Orders placed so far, ended ones included; not kept once it is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<u32>,
    /// Traded in market and deals.
    pub traded_wh: WattHours,
    /// Number of trades, once the market is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trades: Option<u32>,
    /// Price of a uniform clearing with trades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// How far its settlement is, from the first reading that counts for it until it is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<SettlementInfo>,
    /// What became of it, in order: `market_cleared`, `interval_settled`, `interval_final`.
    pub events: Vec<EventItem>,
}

/// How far an interval's settlement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettlementInfo {
    /// Members with a line so far.
    pub accounts: u32,
    /// What members' meters show.
    pub members: MeasuredInfo,
    /// What feeder meters show.
    pub feeders: MeasuredInfo,
}

/// What meters of one role show for an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredInfo {
    /// Meters that have ever been read.
    pub meters: u32,
    /// Those among them whose share is an estimate.
    pub estimated: u32,
    /// Import.
    pub import_wh: WattHours,
    /// Export.
    pub export_wh: WattHours,
}

/// All orders of one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BookLevel {
    /// Base units per kWh.
    pub price: Amount,
    /// What of all of them has not been filled.
    pub wh: WattHours,
    /// How many.
    pub orders: u32,
}

/// The orders that stand for an interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderBook {
    /// The microgrid.
    pub microgrid: Hash,
    /// The interval.
    pub interval: IntervalId,
    /// Highest price first.
    pub bids: Vec<BookLevel>,
    /// Lowest price first.
    pub offers: Vec<BookLevel>,
    /// Whether there are more levels than are listed.
    pub truncated: bool,
}

/// An order that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderInfo {
    /// Its id.
    pub order: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// The interval.
    pub interval: IntervalId,
    /// Whose.
    pub account: Address,
    /// Bid or offer.
    pub side: Side,
    /// Base units per kWh.
    pub price: Amount,
    /// Energy.
    pub wh: WattHours,
    /// With whom rather than with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<Address>,
    /// When it ends; gate closure when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<TimeMs>,
    /// What has been filled; before the market is cleared 0.
    pub filled_wh: WattHours,
}

/// A request for a deal, or the deal it became. One that ended is not here: see its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DealInfo {
    /// Its id.
    pub deal: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// `requested`, `confirmed` or `authorised`.
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
    /// What backs it, once authorised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funding: Option<Funding>,
    /// What the authorisation reserves, base units.
    pub reserved: Amount,
    /// How far use may overshoot the agreed amount.
    pub margin_wh: WattHours,
    /// The charging side's meter, once authorised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<Address>,
    /// Number of the newest report; 0 before the first.
    #[serde(with = "decimal")]
    pub seq: u64,
    /// Charged so far.
    pub used_wh: WattHours,
    /// What is left of the agreed amount.
    pub remaining_wh: WattHours,
    /// Whether the charging side must stop.
    pub stop: bool,
    /// Acceptances of a request.
    pub acceptances: Vec<AcceptanceInfo>,
}

/// An acceptance of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptanceInfo {
    /// Whose.
    pub account: Address,
    /// Most energy.
    pub wh_max: WattHours,
    /// Base units per kWh.
    pub price: Amount,
}

/// A dispute that is not decided. One that is stands in its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisputeInfo {
    /// Its id.
    pub dispute: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// Who contests.
    pub account: Address,
    /// About which meter.
    pub meter: Address,
    /// Base units wanted back.
    pub claim: Amount,
    /// Hash of the reasons.
    pub note: Hash,
    /// Votes for the claim.
    pub upheld: u32,
    /// Votes against it.
    pub rejected: u32,
    /// So many votes on one side decide; 0: the operator alone.
    pub votes_needed: u32,
    /// Where the two readings stand; absent when that is not among what this node keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<OpenedInfo>,
}

/// Where a dispute was opened, and by which readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedInfo {
    /// Its block.
    pub height: Height,
    /// The transaction that holds both signed readings.
    pub tx: Hash,
    /// Number of the earlier reading.
    #[serde(with = "decimal")]
    pub first_seq: u64,
    /// Number of the later reading.
    #[serde(with = "decimal")]
    pub second_seq: u64,
}

/// Which disputes are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisputesRequest {
    /// Of this microgrid only.
    pub microgrid: Option<Hash>,
    /// Of this account only.
    pub account: Option<Address>,
}
