//! `paygo_*`: operators of pay-as-you-go, their devices, and the tokens of these.

use crate::{Anchored, EventItem, Page, PageRequest, RpcResult, decimal};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::call::paygo::{Contract, CreditUnit, FirmwareProfile, TokenKind};
use wattle_primitives::{Address, Amount, AssetId, Hash, PublicKey, TimeMs, WattHours};

/// Queries about pay-as-you-go.
pub trait PaygoQueries {
    /// An operator.
    fn paygo_operator(&self, account: Address) -> RpcResult<Anchored<PaygoOperatorInfo>>;

    /// A device.
    fn paygo_device(&self, id: Hash) -> RpcResult<Anchored<DeviceInfo>>;

    /// An operator's devices in the order of registration, all or those of one list.
    fn paygo_devices(&self, request: DevicesRequest, page: PageRequest) -> RpcResult<Page<DeviceInfo>>;

    /// A device's token with this count, if it is kept.
    fn paygo_token(&self, device: Hash, count: u32) -> RpcResult<Anchored<TokenInfo>>;

    /// A device's tokens that are kept, those with the highest counts first.
    fn paygo_tokens(&self, device: Hash, page: PageRequest) -> RpcResult<Page<TokenInfo>>;

    /// History of a device, its tokens and its credit, newest first.
    fn paygo_history(&self, device: Hash, page: PageRequest) -> RpcResult<Page<EventItem>>;
}

methods![
    query!(
        "paygo_getOperator",
        "An operator of pay-as-you-go: how it is paid, and how much is issued at most.",
        paygo_operator(req::<Address>("operator"))
    ),
    query!(
        "paygo_getDevice",
        "A pay-as-you-go device: its credit, its contract, its counts.",
        paygo_device(req::<Hash>("device"))
    ),
    list!(
        "paygo_listDevices",
        "An operator's devices: all, or those that are overdue, low in credit or silent.",
        [
            req::<Address>("operator"),
            opt::<DeviceList>("only"),
            opt::<WattHours>("belowWh"),
            opt::<TimeMs>("withinMs")
        ],
        |node, params| {
            let request = DevicesRequest {
                operator: params.req("operator")?,
                only: params.opt("only")?,
                below_wh: params.opt("belowWh")?.unwrap_or(WattHours::ZERO),
                within_ms: params.opt("withinMs")?.unwrap_or(TimeMs::ZERO),
            };
            node.paygo_devices(request, params.page()?)
        }
    ),
    query!(
        "paygo_getToken",
        "A device's token that is reserved or sold and not redeemed.",
        paygo_token(req::<Hash>("device"), req::<u32>("count"))
    ),
    list!(
        "paygo_listTokens",
        "A device's tokens that are reserved or sold and not redeemed, the highest counts first.",
        paygo_tokens(req::<Hash>("device"))
    ),
    list!(
        "paygo_history",
        "What became of a device, its tokens and its credit, newest first. Each line's proof: chain_getEventProof.",
        paygo_history(req::<Hash>("device"))
    ),
];

/// An operator of pay-as-you-go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PaygoOperatorInfo {
    /// The account.
    pub operator: Address,
    /// The asset in which it is paid.
    pub asset: AssetId,
    /// The asset in which its devices hold energy: a unit is a Wh.
    pub energy: AssetId,
    /// Most raw units issued for a device in a day, UTC.
    pub daily_cap: u32,
    /// Number of its devices.
    pub devices: u32,
}

/// A request for devices of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicesRequest {
    /// The operator.
    pub operator: Address,
    /// Those of this list alone.
    pub only: Option<DeviceList>,
    /// Low is a device that counts energy with no more than this to spend.
    pub below_wh: WattHours,
    /// Low is a device that counts time and is active no longer than this.
    pub within_ms: TimeMs,
}

/// The devices that an operator has to look after. None that is unlocked is low or overdue by its credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeviceList {
    /// It owes money, or its credit is used up under a contract that has begun and is not paid off.
    Overdue,
    /// Its credit is nearly used up.
    Low,
    /// The readings of its meter are missing.
    Silent,
}

/// Whether a device is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Tokens are issued for it.
    Active,
    /// None are, until its operator says so.
    Suspended,
    /// It has taken the token that ends payment control.
    Unlocked,
}

/// A pay-as-you-go device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    /// Its id.
    pub device: Hash,
    /// Its operator.
    pub operator: Address,
    /// Its id as an address: its energy is in the wallet of it, which no key opens.
    pub wallet: Address,
    /// Its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Address>,
    /// Its gateway: redeems, authorises and reports for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Address>,
    /// The key with which it signs its redemptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The meter in front of what it supplies: its import is paid from the device's credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<Address>,
    /// Measure of its credit.
    pub unit: CreditUnit,
    /// Raw units of a unit.
    pub divider: u16,
    /// Its firmware.
    pub profile: FirmwareProfile,
    /// Whether it takes tokens of twelve digits.
    pub extended: bool,
    /// Whether it is in use.
    pub state: DeviceState,
    /// The highest count that was reserved, issued or redeemed: the next token's is above it.
    pub last_count: u32,
    /// Its own count, as far as is known here.
    pub count: u32,
    /// Until when it is active, if it counts time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_until_ms: Option<TimeMs>,
    /// Its energy, if it counts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<CreditInfo>,
    /// The asset in which its operator is paid.
    pub asset: AssetId,
    /// Its debt to its operator, base units.
    pub debt: Amount,
    /// Its contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractInfo>,
    /// Raw units issued or reserved today, UTC, by the state's time.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub issued_today: u64,
    /// Raw units that its operator's cap leaves for today.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub left_today: u64,
    /// Add tokens that are issued or reserved, and neither redeemed nor voided.
    pub adds: u32,
    /// Since when its meter's readings are missing, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since_ms: Option<TimeMs>,
    /// Credit set aside by its gateways.
    pub authorisations: Vec<AuthorisationInfo>,
}

/// A device's energy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CreditInfo {
    /// The asset that it is: its operator's energy.
    pub asset: AssetId,
    /// Free for use.
    pub available_wh: WattHours,
    /// Set aside for use that a gateway is going to report; not part of `available`.
    pub held_wh: WattHours,
    /// Use that is paid for and that the meter has not shown yet.
    pub ahead_wh: WattHours,
}

/// A device's contract, and how far it is fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ContractInfo {
    /// The contract.
    pub terms: Contract,
    /// Whether its deposit is paid.
    pub begun: bool,
    /// Base units paid so far.
    pub paid: Amount,
    /// Base units among them that did not suffice for a raw unit: they count with the next sale.
    pub rest: Amount,
    /// Base units until it is paid off; absent when it is rented for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Amount>,
}

/// Credit that a gateway has set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuthorisationInfo {
    /// Its id: that of its hold.
    pub authorisation: Hash,
    /// Its gateway, which reports.
    pub gateway: Address,
    /// Energy set aside.
    pub wh: WattHours,
    /// Number of the newest report; 0 before the first.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub seq: u64,
    /// Energy drawn.
    pub used_wh: WattHours,
    /// Energy set aside yet.
    pub remaining_wh: WattHours,
    /// Whether use must stop.
    pub stop: bool,
    /// Block time at which it ends; absent once it has, or is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<TimeMs>,
}

/// State of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    /// It can be sold.
    Reserved,
    /// It was sold or given, and not redeemed yet.
    Issued,
    /// Its sale was taken back; a device that takes it all the same owes for it.
    Voided,
    /// It was redeemed before its sale was told.
    Taken,
}

/// A device's token without its digits. One that was redeemed or forgotten is not here: see the device's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenInfo {
    /// Its count.
    pub count: u32,
    /// Its effect.
    pub kind: TokenKind,
    /// Raw units: of a reserved one the most that it may be worth.
    pub value: u32,
    /// Commitment to it.
    pub commitment: Hash,
    /// Its state.
    pub state: TokenStatus,
    /// Its price, base units; absent without a sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// The account that paid; absent where that was by hand, not at all, or is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<AccountId>,
    /// Whether its price is owed.
    pub owed: bool,
    /// Whether the device has gone beyond it, as far as is known here, and takes it no more.
    pub over: bool,
}
