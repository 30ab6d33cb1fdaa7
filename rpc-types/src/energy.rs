//! `energy_*` about microgrids, meters, members, intervals and bills.

use crate::{Anchored, EventItem, EventPosition, Page, PageRequest, RpcResult, decimal};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::energy::Terms;
use wattle_primitives::call::identity::PerPeriod;
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, AssetId, BookId, Hash, PublicKey, TimeMs, WattHours};

/// Queries about microgrids and what is settled in them.
pub trait EnergyQueries {
    /// Microgrids, by id.
    fn energy_microgrids(&self, page: PageRequest) -> RpcResult<Page<MicrogridInfo>>;

    /// One microgrid.
    fn energy_microgrid(&self, id: Hash) -> RpcResult<Anchored<MicrogridInfo>>;

    /// Meters, of one microgrid or of all, by address.
    fn energy_meters(&self, microgrid: Option<Hash>, page: PageRequest) -> RpcResult<Page<MeterInfo>>;

    /// One meter.
    fn energy_meter(&self, address: Address) -> RpcResult<Anchored<MeterInfo>>;

    /// A meter's accepted readings, newest first.
    fn energy_readings(&self, request: ReadingsRequest, page: PageRequest) -> RpcResult<Page<ReadingItem>>;

    /// A microgrid's terms for `interval`, or for the one that is running; without any, those to come.
    fn energy_terms(&self, microgrid: Hash, interval: Option<IntervalId>) -> RpcResult<Anchored<TermsInfo>>;

    /// A microgrid's members, by the code of their tab; of one account, that member alone.
    fn energy_members(
        &self,
        microgrid: Hash,
        account: Option<Address>,
        page: PageRequest,
    ) -> RpcResult<Page<MemberInfo>>;

    /// An account's mandate to a microgrid's operator, to act in its name.
    fn energy_mandate(&self, microgrid: Hash, account: Address) -> RpcResult<Anchored<MandateInfo>>;

    /// An interval.
    fn energy_interval(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<IntervalInfo>>;

    /// Clearings, settlements and ends of a microgrid's intervals, newest first.
    fn energy_intervals(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<EventItem>>;

    /// The lines of a bill, oldest first.
    fn energy_bill(&self, request: BillRequest, page: PageRequest) -> RpcResult<Page<EventItem>>;
}

methods![
    list!("energy_listMicrogrids", "Registered microgrids.", energy_microgrids()),
    query!("energy_getMicrogrid", "One microgrid.", energy_microgrid(req::<Hash>("id"))),
    list!(
        "energy_listMeters",
        "Registered meters, of one microgrid or of all.",
        energy_meters(opt::<Hash>("microgrid"))
    ),
    query!("energy_getMeter", "One meter and its last reading.", energy_meter(req::<Address>("address"))),
    list!(
        "energy_listReadings",
        "A meter's accepted readings, newest first.",
        [req::<Address>("meter"), opt::<TimeMs>("fromMs"), opt::<TimeMs>("toMs")],
        |node, params| {
            let request = ReadingsRequest {
                meter: params.req("meter")?,
                from_ms: params.opt("fromMs")?.unwrap_or(TimeMs::ZERO),
                to_ms: params.opt("toMs")?.unwrap_or(TimeMs::MAX),
            };
            node.energy_readings(request, params.page()?)
        }
    ),
    query!(
        "energy_getTerms",
        "A microgrid's terms for an interval; the current one without.",
        energy_terms(req::<Hash>("microgrid"), opt::<IntervalId>("interval"))
    ),
    list!(
        "energy_listMembers",
        "A microgrid's members and what their tabs show.",
        energy_members(req::<Hash>("microgrid"), opt::<Address>("account"))
    ),
    query!(
        "energy_getMandate",
        "What an account lets a microgrid's operator do in its name, and settlement take from its wallet.",
        energy_mandate(req::<Hash>("microgrid"), req::<Address>("account"))
    ),
    query!(
        "energy_getInterval",
        "Where an interval stands, and what became of it.",
        energy_interval(req::<Hash>("microgrid"), req::<IntervalId>("interval"))
    ),
    list!(
        "energy_listIntervals",
        "What became of a microgrid's intervals, newest first: clearings, settlements, ends.",
        energy_intervals(req::<Hash>("microgrid"))
    ),
    list!(
        "energy_bill",
        "An account's bill: every line of a period, oldest first. Each line's proof: chain_getEventProof.",
        [req::<Address>("account"), opt::<Hash>("microgrid"), opt::<TimeMs>("fromMs"), opt::<TimeMs>("toMs")],
        |node, params| {
            let request = BillRequest {
                account: params.req("account")?,
                microgrid: params.opt("microgrid")?,
                from_ms: params.opt("fromMs")?.unwrap_or(TimeMs::ZERO),
                to_ms: params.opt("toMs")?.unwrap_or(TimeMs::MAX),
            };
            node.energy_bill(request, params.page()?)
        }
    ),
];

/// A registered microgrid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Number of members.
    pub members: u32,
    /// Versions of its terms so far; 0: it only keeps readings.
    pub terms: u32,
    /// Cash of the microgrid: paid in by members and not paid out yet, base units.
    pub cash: Amount,
    /// Its own wallet: pays for its work before its operator's does; anybody may transfer to it.
    pub wallet: Address,
    /// Present while nobody pays for its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<PausedInfo>,
    /// Whether its own wallet alone pays for its work: another than its operator has resumed it, which can do so too.
    pub own_wallet: bool,
    /// Whether its work waits for its turn among its operator's microgrids, whose bandwidth is used up.
    pub waits: bool,
    /// The interval that is running.
    pub current: IntervalId,
    /// The next interval to be cleared; absent without terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_clear: Option<IntervalId>,
    /// The next interval to be settled; absent without terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_settle: Option<IntervalId>,
    /// The next interval to become final; absent without terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_final: Option<IntervalId>,
}

/// A pause: nobody pays for a microgrid's work. It takes no orders and no deals, and settles nothing, until it is
/// resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PausedInfo {
    /// Since when.
    pub since_ms: TimeMs,
    /// Native base units without which it cannot be resumed.
    pub needed: Amount,
    /// Native base units in its own wallet: with so much anybody can resume it.
    pub own: Amount,
    /// Native base units in its own wallet and its operator's: with so much its operator can.
    pub available: Amount,
}

/// A registered meter and its last accepted reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// When it was retired, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_ms: Option<TimeMs>,
    /// Where its estimates ended after 30 days of silence, if nobody has read it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_ms: Option<TimeMs>,
    /// Sequence number of the last accepted signed reading; 0 before the first.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub seq: u64,
    /// Import counter of its last reading; of its opening registers before the first.
    pub import_wh: WattHours,
    /// Export counter likewise.
    pub export_wh: WattHours,
    /// The clock of the light node, or of who read the meter, at that reading; not trusted.
    pub time_ms: TimeMs,
    /// Whether a person read it.
    pub manual: bool,
    /// First interval that it is not settled for; absent before its first settlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_until: Option<IntervalId>,
    /// Since when its readings are missing and its import is estimated, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since_ms: Option<TimeMs>,
    /// Charged to its owner by estimates alone, base units.
    pub estimated: Amount,
}

/// One accepted reading, newest first in lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub seq: u64,
    /// Import counter.
    pub import_wh: WattHours,
    /// Export counter.
    pub export_wh: WattHours,
    /// The clock of the light node, or of who read the meter; not trusted.
    pub time_ms: TimeMs,
    /// Who read it, if it was not the meter itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<Address>,
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MemberInfo {
    /// The account.
    pub account: Address,
    /// Code of its tab in the microgrid's book.
    pub code: u32,
    /// Its debt, estimates included, base units.
    pub owes: Amount,
    /// Amount that it is owed, escrow included, base units.
    pub due: Amount,
    /// Its own credit limit; the terms' when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_limit: Option<Amount>,
    /// Credit reserved by deals, base units.
    pub reserved: Amount,
    /// Charges for estimates that no reading has replaced, base units.
    pub estimated: Amount,
    /// Payments to it for energy of intervals that are not settled, base units.
    pub escrow: Amount,
    /// Amount that it has been paid in all, base units.
    pub paid_out: Amount,
    /// Its mandate: what settlement may take from its wallet; without one it pays by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<MandateInfo>,
    /// Cash kept back until energy that it sold is settled, base units.
    pub exposed: Amount,
    /// Its meters that are not closed.
    pub meters: u32,
    /// Those among them that are suspended: meanwhile it does not trade.
    pub suspended: u32,
    /// The last interval in which it may have a part: it can leave once that is final, without meters and debts.
    pub until: IntervalId,
}

/// An account's mandate to a microgrid's operator, to act in its name. What is absent does not limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MandateInfo {
    /// Most that the settlement of one interval takes from its wallet, base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_charge: Option<Amount>,
    /// Most in each period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_period: Option<PerPeriod>,
    /// Amount that the next settlement may take, as of the state's time, base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Amount>,
    /// First block time, ms UTC, at which it is over.
    pub expires_ms: TimeMs,
    /// For so long after terms were set, in ms, nothing is taken for what they bill.
    pub notice_ms: TimeMs,
    /// When it was given: terms that were set before are known to its owner.
    pub given_ms: TimeMs,
}

/// Where an interval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Its events, in order: `market_cleared`, `interval_settled`, `interval_final`.
    pub events: Vec<EventItem>,
}

/// How far an interval's settlement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SettlementInfo {
    /// Members with a line so far.
    pub accounts: u32,
    /// Sums of members' meters.
    pub members: MeasuredInfo,
    /// Sums of feeder meters.
    pub feeders: MeasuredInfo,
}

/// Sums of the meters of one role for an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MeasuredInfo {
    /// Meters that have ever been read.
    pub meters: u32,
    /// Those among them whose share is an estimate.
    pub estimated: u32,
    /// Energy imported.
    pub import_wh: WattHours,
    /// Energy exported.
    pub export_wh: WattHours,
}
