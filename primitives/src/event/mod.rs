//! What happened in a block, in the order it happened. Bound by `receipts_root`.
//!
//! An event is named by (height, index), the index counting through the whole block: the block's own events first,
//! then each transaction's.

mod parties;

use crate::call::deals::{DealEnd, Funding};
use crate::call::energy::ClearingRule;
use crate::call::ledger::{AccountClass, AccountId};
use crate::call::market::{OrderEnd, Side};
use crate::call::token::Symbol;
use crate::receipt::Reason;
use crate::units::{BookId, IntervalId};
use crate::{Address, Amount, AssetId, Hash, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[repr(u8)]
pub enum Event {
    /// A fee was taken.
    FeeCharged {
        /// Who paid.
        payer: Address,
        /// Native base units, tip included.
        amount: Amount,
    } = 0,
    /// An organisation's book was opened.
    BookCreated {
        /// Its id.
        book: BookId,
        /// Who owns it.
        owner: Address,
    } = 1,
    /// An account was opened in a book.
    LedgerAccountOpened {
        /// The account.
        account: AccountId,
        /// Its asset.
        asset: AssetId,
        /// Its class.
        class: AccountClass,
    } = 2,
    /// Money moved.
    Posted {
        /// Account debited.
        debit: AccountId,
        /// Account credited.
        credit: AccountId,
        /// Asset.
        asset: AssetId,
        /// Base units.
        amount: Amount,
    } = 3,
    /// Money was reserved.
    HoldCreated {
        /// The hold.
        hold: Hash,
        /// Account to be debited.
        debit: AccountId,
        /// Account to be credited.
        credit: AccountId,
        /// Asset.
        asset: AssetId,
        /// Base units.
        amount: Amount,
        /// Released at this block time unless captured; 2^64 - 1 when it ends with the order or deal of the same id.
        expires_ms: TimeMs,
    } = 4,
    /// A hold was posted; what exceeds `captured` was released.
    HoldCaptured {
        /// The hold.
        hold: Hash,
        /// Base units posted.
        captured: Amount,
        /// Base units released.
        released: Amount,
    } = 5,
    /// A hold ended without a posting.
    HoldReleased {
        /// The hold.
        hold: Hash,
        /// Base units released.
        amount: Amount,
        /// Whether its time ran out; else it was voided.
        expired: bool,
    } = 6,
    /// An asset was created.
    AssetIssued {
        /// Its id.
        asset: AssetId,
        /// Its symbol.
        symbol: Symbol,
        /// Its decimal places.
        scale: u8,
        /// Who may mint it.
        issuer: Address,
    } = 7,
    /// An account came into being.
    AccountCreated {
        /// Its address.
        account: Address,
    } = 8,
    /// An account's keys were replaced.
    AuthorityChanged {
        /// The account.
        account: Address,
    } = 9,
    /// A sponsorship began or was replaced.
    SponsorshipGranted {
        /// Who pays.
        sponsor: Address,
        /// For whom.
        grantee: Address,
        /// Native base units in all.
        allowance: Amount,
        /// When it ends.
        expires_ms: TimeMs,
    } = 10,
    /// A sponsorship ended.
    SponsorshipEnded {
        /// Who paid.
        sponsor: Address,
        /// For whom.
        grantee: Address,
    } = 11,
    /// A microgrid was registered.
    MicrogridRegistered {
        /// Its id.
        microgrid: Hash,
        /// Its operator.
        operator: Address,
    } = 12,
    /// A meter was registered.
    MeterRegistered {
        /// Address of its key.
        meter: Address,
        /// Its microgrid.
        microgrid: Hash,
        /// Its owner.
        owner: Address,
    } = 13,
    /// A reading was accepted.
    ReadingAccepted {
        /// The meter.
        meter: Address,
        /// Its sequence number.
        #[serde(with = "crate::units::decimal")]
        seq: u64,
        /// Import counter.
        import_wh: WattHours,
        /// Export counter.
        export_wh: WattHours,
        /// The light node's clock; not trusted.
        time_ms: TimeMs,
    } = 14,
    /// A reading was not accepted. `duplicate_reading` means that it, or a later one, stands already.
    ReadingRefused {
        /// The meter it claims.
        meter: Address,
        /// Its sequence number.
        #[serde(with = "crate::units::decimal")]
        seq: u64,
        /// Why.
        reason: Reason,
    } = 15,
    /// A microgrid has new terms.
    TermsSet {
        /// The microgrid.
        microgrid: Hash,
        /// First interval they hold for.
        from: IntervalId,
    } = 16,
    /// An account became a member, or its credit limit changed.
    MemberSet {
        /// The microgrid.
        microgrid: Hash,
        /// The account.
        account: Address,
        /// Code of its tab in the microgrid's book.
        code: u32,
        /// Its own credit limit; the terms' when absent.
        credit_limit: Option<Amount>,
    } = 17,
    /// An order stands.
    OrderPlaced {
        /// Its id.
        order: Hash,
        /// The microgrid.
        microgrid: Hash,
        /// The interval.
        interval: IntervalId,
        /// Whose.
        account: Address,
        /// Bid or offer.
        side: Side,
        /// Base units per kWh.
        price: Amount,
        /// Energy.
        wh: WattHours,
        /// Base units reserved for the worst case.
        reserved: Amount,
    } = 18,
    /// An order ended.
    OrderEnded {
        /// Its id.
        order: Hash,
        /// Whose.
        account: Address,
        /// Energy traded.
        filled_wh: WattHours,
        /// How.
        end: OrderEnd,
    } = 19,
    /// The orders of an interval were matched; each one's end follows, in this block or a later one.
    MarketCleared {
        /// The microgrid.
        microgrid: Hash,
        /// The interval.
        interval: IntervalId,
        /// By which rule.
        rule: ClearingRule,
        /// The one price of a uniform clearing with trades, base units per kWh.
        price: Option<Amount>,
        /// Energy traded.
        wh: WattHours,
        /// Number of trades.
        trades: u32,
    } = 20,
    /// Part of a bid met part of an offer.
    Traded {
        /// The microgrid.
        microgrid: Hash,
        /// The interval.
        interval: IntervalId,
        /// The bid.
        bid: Hash,
        /// The offer.
        offer: Hash,
        /// Who buys.
        buyer: Address,
        /// Who sells.
        seller: Address,
        /// Energy.
        wh: WattHours,
        /// Base units per kWh.
        price: Amount,
        /// Base units that the seller gets, and the buyer pays besides the fee.
        amount: Amount,
        /// Base units that the buyer pays to the operator.
        fee: Amount,
    } = 21,
    /// An account's line of a settled interval. `bought + import from the grid = measured` and so on: the energy
    /// that is neither bought nor sold settled at the tariff, or at mid-market rate.
    EnergySettled {
        /// The microgrid.
        microgrid: Hash,
        /// The interval.
        interval: IntervalId,
        /// The account.
        account: Address,
        /// Measured by its meters.
        import_wh: WattHours,
        /// Measured by its meters.
        export_wh: WattHours,
        /// Traded: market and deals.
        bought_wh: WattHours,
        /// Traded: market and deals.
        sold_wh: WattHours,
        /// Whether a meter's share is an estimate.
        estimated: bool,
        /// Base units its tab was charged for what was not traded.
        debit: Amount,
        /// Base units its tab was credited for what was not traded.
        credit: Amount,
    } = 22,
    /// An interval is settled provisionally: every account has its line.
    IntervalSettled {
        /// The microgrid.
        microgrid: Hash,
        /// The interval.
        interval: IntervalId,
        /// All members' import.
        import_wh: WattHours,
        /// All members' export.
        export_wh: WattHours,
        /// Traded in market and deals.
        traded_wh: WattHours,
        /// Accounts with a line.
        accounts: u32,
        /// Meters whose share is an estimate.
        estimated: u32,
    } = 23,
    /// An interval is final: later readings of it become adjustments only.
    IntervalFinal {
        /// The microgrid.
        microgrid: Hash,
        /// The interval.
        interval: IntervalId,
        /// Net energy through the feeder meters, if there are any and all were read.
        feeder_wh: Option<WattHours>,
        /// What of it no meter showed.
        loss_wh: WattHours,
        /// Whether the loss exceeds what the terms allow.
        under_reported: bool,
    } = 24,
    /// A reading showed what had been estimated, or came after its interval was settled: the exact difference.
    EnergyAdjusted {
        /// The microgrid.
        microgrid: Hash,
        /// The meter.
        meter: Address,
        /// The account.
        account: Address,
        /// Effective time of the reading before.
        from_ms: TimeMs,
        /// Effective time of this reading, or the end of what was settled.
        to_ms: TimeMs,
        /// Import that the registers show.
        import_wh: WattHours,
        /// Export that the registers show.
        export_wh: WattHours,
        /// Import that had been settled.
        settled_import_wh: WattHours,
        /// Export that had been settled.
        settled_export_wh: WattHours,
        /// Base units its tab was charged.
        debit: Amount,
        /// Base units its tab was credited.
        credit: Amount,
    } = 25,
    /// An account bore part of an interval's losses.
    LossShared {
        /// The microgrid.
        microgrid: Hash,
        /// The interval.
        interval: IntervalId,
        /// The account.
        account: Address,
        /// Its part.
        wh: WattHours,
        /// Base units its tab was charged.
        debit: Amount,
    } = 26,
    /// Money moved between a member's wallet and its tab.
    TabPaid {
        /// The microgrid.
        microgrid: Hash,
        /// The account.
        account: Address,
        /// Base units.
        amount: Amount,
        /// Whether the member paid; else it was paid.
        by_member: bool,
    } = 27,
    /// A member owes more than its limit: it can place no orders and authorise no deals until it has paid.
    CreditExceeded {
        /// The microgrid.
        microgrid: Hash,
        /// The account.
        account: Address,
        /// Base units owed.
        owed: Amount,
        /// Its limit.
        limit: Amount,
    } = 28,
    /// A meter took the place of another.
    MeterSwapped {
        /// The microgrid.
        microgrid: Hash,
        /// The meter that was closed.
        old: Address,
        /// The new one.
        new: Address,
        /// The old one's last counter.
        final_import_wh: WattHours,
        /// The old one's last counter.
        final_export_wh: WattHours,
    } = 29,
    /// A deal was asked for.
    DealRequested {
        /// Its id.
        deal: Hash,
        /// The microgrid.
        microgrid: Hash,
        /// By whom.
        account: Address,
        /// Whether it charges or discharges.
        side: Side,
        /// Most energy.
        wh_max: WattHours,
        /// Base units per kWh.
        price: Amount,
    } = 30,
    /// A request was accepted.
    DealAccepted {
        /// The request.
        deal: Hash,
        /// By whom.
        account: Address,
        /// Energy that both could agree on.
        wh: WattHours,
        /// The charging side's price.
        price: Amount,
    } = 31,
    /// An acceptance was picked.
    DealConfirmed {
        /// The deal.
        deal: Hash,
        /// Who charges.
        charger: Address,
        /// Who discharges.
        discharger: Address,
        /// Energy.
        wh: WattHours,
        /// Base units per kWh.
        price: Amount,
    } = 32,
    /// What the deal may cost is reserved.
    DealAuthorised {
        /// The deal.
        deal: Hash,
        /// By what.
        funding: Funding,
        /// Base units.
        reserved: Amount,
        /// When it ends.
        expires_ms: TimeMs,
        /// The charging side's meter.
        meter: Address,
    } = 33,
    /// The charging side's figure so far. The same for a report that was sent again.
    DealUsage {
        /// The deal.
        deal: Hash,
        /// Number of the newest report.
        #[serde(with = "crate::units::decimal")]
        seq: u64,
        /// Charged so far.
        cumulative_wh: WattHours,
        /// What is left of the agreed amount.
        remaining_wh: WattHours,
        /// Whether to stop: the amount or the time is used up.
        stop: bool,
    } = 34,
    /// A deal, or a request, ended.
    DealEnded {
        /// The deal.
        deal: Hash,
        /// The microgrid.
        microgrid: Hash,
        /// Who charged and pays; absent when nobody took that side of a request.
        charger: Option<Address>,
        /// Who discharged and is paid; likewise.
        discharger: Option<Address>,
        /// How.
        end: DealEnd,
        /// Energy that is paid for.
        used_wh: WattHours,
        /// Base units from the hold; none when credit backed the deal.
        captured: Amount,
        /// Base units owed on the charging side's tab, when credit backed the deal.
        receivable: Amount,
        /// Base units of the reservation that were not used.
        released: Amount,
    } = 35,
    /// A bill is contested.
    DisputeOpened {
        /// The dispute.
        dispute: Hash,
        /// The microgrid.
        microgrid: Hash,
        /// By whom.
        account: Address,
        /// About which meter.
        meter: Address,
        /// Import between the two readings.
        import_wh: WattHours,
        /// Export between the two readings.
        export_wh: WattHours,
        /// Base units wanted back.
        claim: Amount,
    } = 36,
    /// A member voted on a dispute.
    DisputeVoted {
        /// The dispute.
        dispute: Hash,
        /// Who.
        account: Address,
        /// For the claim.
        uphold: bool,
    } = 37,
    /// A dispute was decided.
    DisputeDecided {
        /// The dispute.
        dispute: Hash,
        /// The microgrid.
        microgrid: Hash,
        /// Whose claim.
        account: Address,
        /// Whether it was granted.
        upheld: bool,
        /// Base units credited to the claimant's tab.
        credit: Amount,
    } = 38,
    /// An acceptance was taken back.
    DealWithdrawn {
        /// The request.
        deal: Hash,
        /// By whom.
        account: Address,
    } = 39,
    /// A member lets settlement debit its wallet, or no longer.
    CollectionSet {
        /// The microgrid.
        microgrid: Hash,
        /// The member.
        account: Address,
        /// Whether it may be debited.
        on: bool,
    } = 40,
}
