//! Calls about microgrids, meters, readings, markets, deals and disputes.

mod binding;
mod deal;
mod market;
mod swap;
mod tariff;
mod terms;

pub use binding::MeterBinding;
pub use deal::{
    ACCEPTANCES_MAX, AUTHORISATION_MS_MAX, CONFIRMED_MS, DEAL_WH_MAX, DealEnd, Funding, MARGIN_PART,
    REQUEST_MS_MAX,
};
pub use market::{ORDER_AHEAD_MS_MAX, ORDER_WH_MAX, ORDERS_MAX, ORDERS_PER_MEMBER_MAX, OrderEnd, Side};
pub use swap::MeterSwap;
pub use tariff::Prices;
pub use terms::{
    BANDS_MAX, ClearingRule, DAY_MINUTES, DISPUTE_VOTES_MAX, LossRule, PRICE_MAX, TariffBand, Terms,
    WINDOW_MS_MAX,
};

use crate::reading::{MeterRole, RegisterEncoding, SignedReading};
use crate::units::{IntervalId, WattHours};
use crate::{Address, Amount, AssetId, BoundedVec, Hash, PublicKey, Signature, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most that a dispute can claim, base units.
pub const CLAIM_MAX: Amount = Amount(1_000_000_000_000_000_000_000_000_000_000);
/// Most readings in one call.
pub const READINGS_MAX: usize = 128;

/// Calls to the energy module.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(
    tag = "call",
    content = "args",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[repr(u8)]
pub enum EnergyCall {
    /// Registers a microgrid operated by the sender.
    RegisterMicrogrid {
        /// Chosen by the sender; with the sender's address it makes the microgrid's id.
        reference: Hash,
        /// Asset in which energy is settled.
        asset: AssetId,
        /// Length of a settlement interval in ms: divides a day, at least a minute.
        interval_ms: TimeMs,
    } = 0,
    /// Registers a meter; by the microgrid's operator, with the consent of the meter's key. Creates the meter's account
    /// if there is none.
    RegisterMeter {
        /// The microgrid.
        microgrid: Hash,
        /// Key that signs the readings.
        key: PublicKey,
        /// Account that the energy is booked to.
        owner: Address,
        /// How the registers are encoded.
        encoding: RegisterEncoding,
        /// Whether it stands at a member's connection or at the microgrid's own.
        role: MeterRole,
        /// Most power that can flow through it, W, more than 0: a reading that would need more is refused.
        power_max_w: u32,
        /// The meter key's signature over its [`MeterBinding`] to this microgrid and owner.
        binding: Signature,
    } = 1,
    /// Submits signed readings; by the meters, their owners, or the operator of their microgrid. Each reading has its own
    /// result in the events, so that a bad one never blocks the others.
    SubmitReadings {
        /// The readings, in order for each meter.
        readings: BoundedVec<SignedReading, READINGS_MAX>,
    } = 2,
    /// Sets a microgrid's terms; by its operator. They hold from the next interval for which neither orders nor
    /// settlement have begun, and a day after those before them at the earliest; until then they can be replaced. Until
    /// terms are set the microgrid only keeps readings.
    SetTerms {
        /// The microgrid.
        microgrid: Hash,
        /// The terms.
        terms: Box<Terms>,
    } = 3,
    /// Makes an account a member, or changes its credit limit; by the microgrid's operator. Owners of meters are
    /// members already.
    SetMember {
        /// The microgrid.
        microgrid: Hash,
        /// The account.
        account: Address,
        /// What it may owe; the terms' limit when absent.
        credit_limit: Option<Amount>,
    } = 4,
    /// Offers to buy or sell energy of one interval; by a member. Reserves the worst case from the sender's wallet.
    PlaceOrder {
        /// The microgrid.
        microgrid: Hash,
        /// Chosen by the sender; with the sender's address it makes the order's id.
        reference: Hash,
        /// The interval.
        interval: IntervalId,
        /// Bid or offer.
        side: Side,
        /// Base units per kWh: at most for a bid, at least for an offer.
        price: Amount,
        /// Energy, more than 0.
        wh: WattHours,
        /// With whom to trade rather than with others, where prices allow it.
        partner: Option<Address>,
        /// Block time from which on the order no longer stands, at most the interval's end: it is neither traded nor
        /// cancelled any more, and its money is free. When absent it stands until the market is cleared.
        expires_ms: Option<TimeMs>,
    } = 5,
    /// Takes an order back before the gate closes; by its owner.
    CancelOrder {
        /// The order.
        order: Hash,
    } = 6,
    /// Settles the sender's tab with a microgrid as far as there is money: pays debts, or takes what is due.
    PayTab {
        /// The microgrid.
        microgrid: Hash,
    } = 7,
    /// Puts a new meter in the place of an old one; by the operator, signed by the installer and the new meter's key as
    /// well.
    SwapMeter {
        /// What is swapped.
        swap: Box<MeterSwap>,
        /// The installer's key: of the account that the terms name, or the operator's own when they name none.
        key: PublicKey,
        /// The installer's signature over [`MeterSwap::signing_bytes`].
        signature: Signature,
        /// The new meter key's signature over its [`MeterBinding`] to the old meter's place.
        binding: Signature,
    } = 8,
    /// Asks for a bilateral deal; by a member.
    RequestDeal {
        /// The microgrid.
        microgrid: Hash,
        /// Chosen by the sender; with the sender's address it makes the request's id.
        reference: Hash,
        /// Whether the sender charges (buys) or discharges (sells).
        side: Side,
        /// Most energy.
        wh_max: WattHours,
        /// Least energy: below it there is no deal.
        wh_min: WattHours,
        /// Deals are whole multiples of this.
        unit_wh: WattHours,
        /// Base units per kWh. The charging side's price is the deal's.
        price: Amount,
        /// Block time until which acceptances are taken.
        expires_ms: TimeMs,
    } = 9,
    /// Accepts a request; by another member.
    AcceptDeal {
        /// The request.
        request: Hash,
        /// Most energy.
        wh_max: WattHours,
        /// Base units per kWh; it counts when the sender charges.
        price: Amount,
    } = 10,
    /// Picks one of the acceptances; by who made the request. The deal has the request's id.
    ConfirmDeal {
        /// The request.
        request: Hash,
        /// Whose acceptance.
        partner: Address,
    } = 11,
    /// Reserves what the deal may cost; by the charging side.
    AuthoriseDeal {
        /// The deal.
        deal: Hash,
        /// What backs it.
        funding: Funding,
        /// Block time at which the authorisation ends.
        expires_ms: TimeMs,
        /// How far use may overshoot the agreed amount, Wh, at most by a tenth of it: reserved as well, and what is
        /// beyond is not paid.
        margin_wh: WattHours,
        /// The sender's meter in front of what is charged: no more is used than it has imported since.
        meter: Address,
    } = 12,
    /// Tells what has been charged so far; by the charging side or its meter. Sending a report again, or an older
    /// one, changes nothing.
    ReportUsage {
        /// The deal.
        deal: Hash,
        /// Counts up by at least one with each report.
        seq: u64,
        /// Charged since the deal began, Wh.
        cumulative_wh: WattHours,
    } = 13,
    /// Ends a deal with the charging side's last figure; by the charging side or its meter.
    CloseDeal {
        /// The deal.
        deal: Hash,
        /// Charged in all, Wh.
        cumulative_wh: WattHours,
    } = 14,
    /// Ends a request, an acceptance (by who accepted) or a deal (by either side). What was reported is paid.
    AbortDeal {
        /// The request or deal.
        deal: Hash,
    } = 15,
    /// Contests a bill by two signed readings of one meter of the sender's.
    OpenDispute {
        /// The microgrid.
        microgrid: Hash,
        /// Chosen by the sender; with the sender's address it makes the dispute's id.
        reference: Hash,
        /// The earlier reading.
        first: Box<SignedReading>,
        /// The later reading.
        second: Box<SignedReading>,
        /// What the sender wants back, base units of the settlement asset; at most [`CLAIM_MAX`].
        claim: Amount,
        /// Hash of the reasons, which lie elsewhere.
        note: Hash,
    } = 16,
    /// Decides a dispute, by the operator; or votes on it, by a member other than the claimant. Where members decide,
    /// the operator may grant a claim alone, but its refusal is one vote.
    DecideDispute {
        /// The dispute.
        dispute: Hash,
        /// Whether the claim is granted.
        uphold: bool,
    } = 17,
    /// Lets settlement take what the sender owes from its wallet, or no longer; by a member. Without that a debt waits
    /// on its tab until the member pays it.
    SetCollection {
        /// The microgrid.
        microgrid: Hash,
        /// Whether its wallet may be debited.
        on: bool,
    } = 18,
}

impl EnergyCall {
    /// The call's name in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RegisterMicrogrid { .. } => "register_microgrid",
            Self::RegisterMeter { .. } => "register_meter",
            Self::SubmitReadings { .. } => "submit_readings",
            Self::SetTerms { .. } => "set_terms",
            Self::SetMember { .. } => "set_member",
            Self::PlaceOrder { .. } => "place_order",
            Self::CancelOrder { .. } => "cancel_order",
            Self::PayTab { .. } => "pay_tab",
            Self::SwapMeter { .. } => "swap_meter",
            Self::RequestDeal { .. } => "request_deal",
            Self::AcceptDeal { .. } => "accept_deal",
            Self::ConfirmDeal { .. } => "confirm_deal",
            Self::AuthoriseDeal { .. } => "authorise_deal",
            Self::ReportUsage { .. } => "report_usage",
            Self::CloseDeal { .. } => "close_deal",
            Self::AbortDeal { .. } => "abort_deal",
            Self::OpenDispute { .. } => "open_dispute",
            Self::DecideDispute { .. } => "decide_dispute",
            Self::SetCollection { .. } => "set_collection",
        }
    }
}

/// The id of the microgrid that `operator` registers with `reference`.
#[must_use]
pub fn microgrid_id(operator: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::MICROGRID, &[operator.as_bytes(), reference.as_bytes()])
}

/// The id of the order that `sender` places with `reference`.
#[must_use]
pub fn order_id(sender: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::ORDER, &[sender.as_bytes(), reference.as_bytes()])
}

/// The id of the deal that `sender` requests with `reference`.
#[must_use]
pub fn deal_id(sender: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::DEAL, &[sender.as_bytes(), reference.as_bytes()])
}

/// The id of the dispute that `sender` opens with `reference`.
#[must_use]
pub fn dispute_id(sender: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::DISPUTE, &[sender.as_bytes(), reference.as_bytes()])
}
