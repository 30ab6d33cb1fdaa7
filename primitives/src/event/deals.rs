use super::Concerns;
use crate::call::deals::{DealEnd, Funding};
use crate::call::market::Side;
use crate::{Address, Amount, Hash, TimeMs, WattHours};

events! {
    /// Events of deals.
    Deals(DealsEvent) {
        /// A deal was asked for.
        deal_requested: DealRequested {
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
        } = 0,
        /// A request was accepted.
        deal_accepted: DealAccepted {
            /// The request.
            deal: Hash,
            /// By whom.
            account: Address,
            /// Energy that both could agree on.
            wh: WattHours,
            /// The charging side's price.
            price: Amount,
        } = 1,
        /// An acceptance was picked.
        deal_confirmed: DealConfirmed {
            /// The deal.
            deal: Hash,
            /// Who charges.
            charger: Address,
            /// Who discharges.
            discharger: Address,
            /// Energy agreed on, Wh.
            wh: WattHours,
            /// Base units per kWh.
            price: Amount,
        } = 2,
        /// The greatest cost of the deal is reserved.
        deal_authorised: DealAuthorised {
            /// The deal.
            deal: Hash,
            /// The money that backs it.
            funding: Funding,
            /// Base units.
            reserved: Amount,
            /// When it ends.
            expires_ms: TimeMs,
            /// The charging side's meter.
            meter: Address,
        } = 3,
        /// The charging side's figure so far. The same for a report that was sent again.
        deal_usage: DealUsage {
            /// The deal.
            deal: Hash,
            /// Number of the newest report.
            #[serde(with = "crate::units::decimal")]
            #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Decimal"))]
            seq: u64,
            /// Charged so far.
            cumulative_wh: WattHours,
            /// Agreed amount less the energy charged.
            remaining_wh: WattHours,
            /// Whether to stop: the amount or the time is used up.
            stop: bool,
        } = 4,
        /// A deal, or a request, ended.
        deal_ended: DealEnded {
            /// The deal.
            deal: Hash,
            /// The microgrid.
            microgrid: Hash,
            /// Who charged and pays; absent when nobody took that side of a request.
            charger: Option<Address>,
            /// Who discharged and is paid; likewise.
            discharger: Option<Address>,
            /// How it ended.
            end: DealEnd,
            /// Energy that is paid for.
            used_wh: WattHours,
            /// Base units from the hold; none when credit backed the deal.
            captured: Amount,
            /// Base units owed on the charging side's tab, when credit backed the deal.
            receivable: Amount,
            /// Base units of the reservation that were not used.
            released: Amount,
        } = 5,
        /// An acceptance was taken back.
        deal_withdrawn: DealWithdrawn {
            /// The request.
            deal: Hash,
            /// By whom.
            account: Address,
        } = 6,
    }
}

impl DealsEvent {
    /// Whom the event concerns.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::DealRequested { account, .. }
            | Self::DealAccepted { account, .. }
            | Self::DealWithdrawn { account, .. } => Concerns::party(*account),
            Self::DealConfirmed { charger, discharger, .. } => Concerns::parties(*charger, *discharger),
            // A request that ended without a deal is on nobody's bill.
            Self::DealEnded { charger: Some(charger), discharger: Some(discharger), microgrid, .. } => {
                Concerns::parties(*charger, *discharger).billed(*microgrid)
            }
            Self::DealEnded { charger, discharger, microgrid, .. } => {
                Concerns { parties: [*charger, *discharger], bill: [None, None], microgrid: Some(*microgrid) }
            }
            Self::DealAuthorised { .. } | Self::DealUsage { .. } => Concerns::NOBODY,
        }
    }
}
