use super::Concerns;
use crate::call::energy::{LineKind, Mandate};
use crate::units::IntervalId;
use crate::{Address, Amount, Hash, Reason, TimeMs, WattHours};

events! {
    /// Events of the energy module.
    Energy(EnergyEvent) {
        /// A microgrid was registered.
        microgrid_registered: MicrogridRegistered {
            /// Its id.
            microgrid: Hash,
            /// Its operator.
            operator: Address,
        } = 0,
        /// A meter was registered.
        meter_registered: MeterRegistered {
            /// Address of its key.
            meter: Address,
            /// Its microgrid.
            microgrid: Hash,
            /// Its owner.
            owner: Address,
            /// Import counter at which it begins; 0 for a meter of the genesis, which begins with its first reading.
            import_wh: WattHours,
            /// Export counter likewise.
            export_wh: WattHours,
        } = 1,
        /// A reading was accepted.
        reading_accepted: ReadingAccepted {
            /// The meter.
            meter: Address,
            /// Its sequence number.
            #[serde(with = "crate::units::decimal")]
            #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Decimal"))]
            seq: u64,
            /// Import counter.
            import_wh: WattHours,
            /// Export counter.
            export_wh: WattHours,
            /// The clock of the light node, or of who read the meter; not trusted.
            time_ms: TimeMs,
            /// Who read it, if it was not the meter itself: then `seq` is that of the signed reading before.
            manual: Option<Address>,
        } = 2,
        /// A reading was not accepted. `duplicate_reading` means that it, or a later one, stands already.
        reading_refused: ReadingRefused {
            /// The meter it claims.
            meter: Address,
            /// Its sequence number.
            #[serde(with = "crate::units::decimal")]
            #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Decimal"))]
            seq: u64,
            /// Why it was not accepted.
            reason: Reason,
        } = 3,
        /// A microgrid has new terms.
        terms_set: TermsSet {
            /// The microgrid.
            microgrid: Hash,
            /// First interval they hold for.
            from: IntervalId,
        } = 4,
        /// An account became a member, or its credit limit changed.
        member_set: MemberSet {
            /// The microgrid.
            microgrid: Hash,
            /// The account.
            account: Address,
            /// Code of its tab in the microgrid's book.
            code: u32,
            /// Its own credit limit; the terms' when absent.
            credit_limit: Option<Amount>,
        } = 5,
        /// An account's line of a settled interval. `bought + import from the grid = measured` and so on: the energy
        /// that is neither bought nor sold settled at the tariff, or at mid-market rate.
        energy_settled: EnergySettled {
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
        } = 6,
        /// An interval is settled provisionally: every account has its line.
        interval_settled: IntervalSettled {
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
        } = 7,
        /// An interval is final: later readings of it become adjustments only.
        interval_final: IntervalFinal {
            /// The microgrid.
            microgrid: Hash,
            /// The interval.
            interval: IntervalId,
            /// Net energy through the feeder meters, if there are any and all were read.
            feeder_wh: Option<WattHours>,
            /// The part of it that no meter showed.
            loss_wh: WattHours,
            /// Whether the loss exceeds what the terms allow.
            under_reported: bool,
        } = 8,
        /// A reading showed what had been estimated, or came after its interval was settled: the exact difference.
        energy_adjusted: EnergyAdjusted {
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
            /// Whether a person read the meter: no key of it signed that.
            manual: bool,
        } = 9,
        /// An account bore part of an interval's losses.
        loss_shared: LossShared {
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
        } = 10,
        /// Money moved between a member's wallet and its tab.
        tab_paid: TabPaid {
            /// The microgrid.
            microgrid: Hash,
            /// The account.
            account: Address,
            /// Base units.
            amount: Amount,
            /// Whether the member paid; else it was paid.
            by_member: bool,
        } = 11,
        /// A member owes more than its limit: it can place no orders and authorise no deals until it has paid.
        credit_exceeded: CreditExceeded {
            /// The microgrid.
            microgrid: Hash,
            /// The account.
            account: Address,
            /// Base units owed.
            owed: Amount,
            /// Its limit.
            limit: Amount,
        } = 12,
        /// A meter took the place of another.
        meter_swapped: MeterSwapped {
            /// The microgrid.
            microgrid: Hash,
            /// The meter that was closed.
            old: Address,
            /// The new one.
            new: Address,
            /// The old one's last import counter.
            final_import_wh: WattHours,
            /// The old one's last export counter.
            final_export_wh: WattHours,
        } = 13,
        /// An owner gave a microgrid its mandate, or took it back.
        mandate_set: MandateSet {
            /// The microgrid.
            microgrid: Hash,
            /// The owner.
            account: Address,
            /// The mandate; none when it was taken back.
            mandate: Option<Mandate>,
        } = 14,
        /// Nobody pays for a microgrid's work: it stands still, with its orders, deals and holds, until somebody does.
        microgrid_paused: MicrogridPaused {
            /// The microgrid.
            microgrid: Hash,
            /// Its operator.
            operator: Address,
            /// Native base units without which it does not go on: in its own wallet or the operator's.
            needed: Amount,
        } = 15,
        /// A microgrid's work goes on.
        microgrid_resumed: MicrogridResumed {
            /// The microgrid.
            microgrid: Hash,
            /// Its operator.
            operator: Address,
            /// Who resumed it.
            by: Address,
        } = 16,
        /// A meter was closed at its last reading.
        meter_retired: MeterRetired {
            /// The microgrid.
            microgrid: Hash,
            /// The meter.
            meter: Address,
            /// Its owner.
            owner: Address,
            /// Its last import counter.
            import_wh: WattHours,
            /// Its last export counter.
            export_wh: WattHours,
        } = 17,
        /// A member left: it owes nothing and is owed nothing.
        member_left: MemberLeft {
            /// The microgrid.
            microgrid: Hash,
            /// The account.
            account: Address,
            /// Code of the tab that it had.
            code: u32,
        } = 18,
        /// A meter was silent for 30 days: it is estimated no more, and its owner does not trade, until somebody has
        /// read it.
        meter_suspended: MeterSuspended {
            /// The microgrid.
            microgrid: Hash,
            /// The meter.
            meter: Address,
            /// Its owner.
            owner: Address,
        } = 19,
        /// A meter has another owner from here on.
        meter_handed_over: MeterHandedOver {
            /// The microgrid.
            microgrid: Hash,
            /// The meter.
            meter: Address,
            /// Whose it was.
            from: Address,
            /// Whose it is.
            to: Address,
            /// Import counter up to which its energy is the old owner's.
            import_wh: WattHours,
            /// Export counter likewise.
            export_wh: WattHours,
        } = 20,
        /// More power can flow through a meter than before, or less.
        meter_rated: MeterRated {
            /// The microgrid.
            microgrid: Hash,
            /// The meter.
            meter: Address,
            /// Its owner.
            owner: Address,
            /// Most power from here on, W.
            power_max_w: u32,
        } = 21,
        /// The operator charged a member besides energy, by the terms or by hand, or gave it something.
        line_charged: LineCharged {
            /// The microgrid.
            microgrid: Hash,
            /// The interval in which it was posted.
            interval: IntervalId,
            /// The account.
            account: Address,
            /// Kind of line.
            line: LineKind,
            /// Base units that its tab was charged; for `credit`, `write_off`, `refund` and `tax_paid` credited. 0 for
            /// `energy`, which has lines of its own.
            amount: Amount,
            /// Base units of tax that its tab was charged besides.
            tax: Amount,
            /// Hash of the operator's reason; absent when the terms are.
            reason: Option<Hash>,
        } = 22,
    }
}

impl EnergyEvent {
    /// Whom the event concerns.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::MicrogridRegistered { operator, .. } | Self::MicrogridPaused { operator, .. } => {
                Concerns::party(*operator)
            }
            Self::MicrogridResumed { operator, by, .. } => Concerns::parties(*operator, *by),
            Self::MeterRegistered { meter, owner, .. }
            | Self::MeterRetired { meter, owner, .. }
            | Self::MeterRated { meter, owner, .. }
            | Self::MeterSuspended { meter, owner, .. } => Concerns::parties(*meter, *owner),
            Self::MeterHandedOver { from, to, .. } => Concerns::parties(*from, *to),
            Self::ReadingAccepted { meter, manual, .. } => {
                Concerns { parties: [Some(*meter), *manual], ..Concerns::NOBODY }
            }
            // The meter that it claims: a filter finds it by that, a history of accounts leaves it out.
            Self::ReadingRefused { meter, .. } => Concerns::party(*meter),
            Self::MemberSet { account, .. }
            | Self::MemberLeft { account, .. }
            | Self::CreditExceeded { account, .. }
            | Self::MandateSet { account, .. } => Concerns::party(*account),
            Self::EnergySettled { microgrid, account, .. }
            | Self::LossShared { microgrid, account, .. }
            | Self::LineCharged { microgrid, account, .. }
            | Self::TabPaid { microgrid, account, .. } => Concerns::party(*account).billed(*microgrid),
            Self::EnergyAdjusted { microgrid, meter, account, .. } => {
                let bill = Concerns::party(*account).billed(*microgrid);
                Concerns { parties: [Some(*account), Some(*meter)], ..bill }
            }
            Self::MeterSwapped { old, new, .. } => Concerns::parties(*old, *new),
            Self::IntervalSettled { microgrid, .. } | Self::IntervalFinal { microgrid, .. } => {
                Concerns::of_intervals(*microgrid)
            }
            Self::TermsSet { .. } => Concerns::NOBODY,
        }
    }
}
