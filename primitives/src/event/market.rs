use super::Concerns;
use crate::call::energy::ClearingRule;
use crate::call::market::{OrderEnd, Side};
use crate::units::IntervalId;
use crate::{Address, Amount, Hash, WattHours};

events! {
    /// Events of the market.
    Market(MarketEvent) {
        /// An order stands.
        order_placed: OrderPlaced {
            /// Its id.
            order: Hash,
            /// The microgrid.
            microgrid: Hash,
            /// The interval.
            interval: IntervalId,
            /// Who placed it.
            account: Address,
            /// Bid or offer.
            side: Side,
            /// Base units per kWh.
            price: Amount,
            /// Energy, Wh.
            wh: WattHours,
            /// Base units reserved for the worst case.
            reserved: Amount,
        } = 0,
        /// An order ended.
        order_ended: OrderEnded {
            /// Its id.
            order: Hash,
            /// Who placed it.
            account: Address,
            /// Energy traded.
            filled_wh: WattHours,
            /// How it ended.
            end: OrderEnd,
        } = 1,
        /// The orders of an interval were matched; each one's end follows, in this block or a later one.
        market_cleared: MarketCleared {
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
        } = 2,
        /// Part of a bid met part of an offer.
        traded: Traded {
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
            /// Energy, Wh.
            wh: WattHours,
            /// Base units per kWh.
            price: Amount,
            /// Base units that the seller gets, and the buyer pays besides the fee.
            amount: Amount,
            /// Base units that the buyer pays to the operator.
            fee: Amount,
        } = 3,
    }
}

impl MarketEvent {
    /// Whom the event concerns.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::OrderPlaced { account, .. } | Self::OrderEnded { account, .. } => Concerns::party(*account),
            Self::MarketCleared { microgrid, .. } => Concerns::of_intervals(*microgrid),
            Self::Traded { microgrid, buyer, seller, .. } => {
                Concerns::parties(*buyer, *seller).billed(*microgrid)
            }
        }
    }
}
