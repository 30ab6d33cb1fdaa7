//! Which bid meets which offer, and at what price: pure functions over the orders of one interval.
//!
//! # Priority
//! The higher bid and the lower offer come first; at one price the order that was placed first, then the lower id.
//!
//! # Who may trade
//! Pay-as-bid: any bid with any offer that it reaches, at the bid's price. Uniform: the cumulative curves of all bids
//! and all offers, whoever's they are, have one price: that of the last bid that meets an offer. Only bids that reach
//! this price trade, and only offers that it reaches, all at this price; so whoever is paired with whom, no bid pays
//! more than it said and no offer gets less. Nobody trades with themselves.
//!
//! # Who trades with whom
//! Four passes over what is left, each in the order of priority of whoever chooses, who takes the best of what may be
//! chosen until it has enough or prices no longer cross:
//!
//! 1. mutual: bids that name a partner choose among that partner's offers that name the bidder;
//! 2. bids that name a partner choose among that partner's other offers;
//! 3. offers that name a partner choose among that partner's bids;
//! 4. bids choose among all offers.
//!
//! # Invariants
//! - At the end no bid and offer of different accounts that may trade are both left.
//! - O(n log n): a trade uses up an order, and an order that is used up is passed over once in each list.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wattle_primitives::call::energy::ClearingRule;
use wattle_primitives::call::market::Side;
use wattle_primitives::{Address, Amount, Hash, WattHours, planted};

/// An order, as far as clearing knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: Hash,
    /// Its number: time priority.
    pub index: u32,
    /// Who placed it.
    pub account: Address,
    /// Bid or offer.
    pub side: Side,
    /// Base units per kWh: at most for a bid, at least for an offer.
    pub price: Amount,
    /// Energy, Wh.
    pub wh: WattHours,
    /// With whom rather than with others.
    pub partner: Option<Address>,
}

/// Part of a bid that meets part of an offer; both named by their place among the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The bid.
    pub bid: usize,
    /// The offer.
    pub offer: usize,
    /// Energy, more than 0.
    pub wh: WattHours,
    /// Base units per kWh.
    pub price: Amount,
}

/// A book's clearing: its price and trades.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// The one price of a uniform clearing with trades.
    pub price: Option<Amount>,
    /// The trades, in the order in which they were made.
    pub trades: Vec<Trade>,
}

/// Matches the orders of one interval. Rules without a market have no trades.
#[must_use]
pub fn clear(rule: ClearingRule, entries: &[Entry]) -> Cleared {
    let (mut bids, mut offers) = by_priority(entries);
    let price = match rule {
        ClearingRule::PayAsBid => None,
        ClearingRule::Uniform => match curves_meet(entries, &bids, &offers) {
            Some(price) => Some(price),
            None => return Cleared::default(),
        },
        ClearingRule::Tariff | ClearingRule::MidMarket => return Cleared::default(),
    };
    if let Some(price) = price {
        bids.retain(|bid| entries[*bid].price >= price);
        offers.retain(|offer| entries[*offer].price <= price);
    }
    let mut matcher = Matcher::new(entries, price);
    matcher.prefer(&bids, &offers, true);
    matcher.prefer(&bids, &offers, false);
    matcher.prefer(&offers, &bids, false);
    matcher.meet(&bids, &offers);
    Cleared { price: price.filter(|_| !matcher.trades.is_empty()), trades: matcher.trades }
}

/// The places of bids and offers, the first to be served first.
fn by_priority(entries: &[Entry]) -> (Vec<usize>, Vec<usize>) {
    let of = |side| (0..entries.len()).filter(move |at| entries[*at].side == side && entries[*at].wh.0 > 0);
    let (mut bids, mut offers): (Vec<_>, Vec<_>) = (of(Side::Buy).collect(), of(Side::Sell).collect());
    let then = |at: usize| (entries[at].index, entries[at].id);
    bids.sort_unstable_by_key(|at| (std::cmp::Reverse(entries[*at].price), then(*at)));
    offers.sort_unstable_by_key(|at| (entries[*at].price, then(*at)));
    (bids, offers)
}

/// The price of the last bid that meets an offer on the cumulative curves.
fn curves_meet(entries: &[Entry], bids: &[usize], offers: &[usize]) -> Option<Amount> {
    let mut price = None;
    let mut supply = offers.iter().map(|offer| &entries[*offer]);
    let mut offer = supply.next()?;
    let mut offered = offer.wh;
    for bid in bids.iter().map(|bid| &entries[*bid]) {
        let mut wanted = bid.wh;
        while wanted > WattHours::ZERO {
            if bid.price < offer.price {
                return price; // later bids are lower, later offers higher
            }
            price = Some(bid.price);
            let wh = wanted.min(offered);
            (wanted, offered) = (wanted.saturating_sub(wh), offered.saturating_sub(wh));
            if offered == WattHours::ZERO {
                let Some(next) = supply.next() else { return price };
                (offer, offered) = (next, next.wh);
            }
        }
    }
    price
}

/// An account, by its place among all that have orders.
type Owner = usize;
/// Orders that may be chosen, the best first, under their owner and, if that counts, whom they name.
type Choice = BTreeMap<(Owner, Option<Owner>), VecDeque<usize>>;

/// A book while it is being matched.
struct Matcher<'a> {
    entries: &'a [Entry],
    /// Whose each order is.
    owner: Vec<Owner>,
    /// Whom each order names, if that is somebody else with orders.
    partner: Vec<Option<Owner>>,
    /// The unfilled part of each order, Wh.
    left: Vec<WattHours>,
    /// The one price of all trades; each bid's own when absent.
    price: Option<Amount>,
    trades: Vec<Trade>,
}

impl<'a> Matcher<'a> {
    fn new(entries: &'a [Entry], price: Option<Amount>) -> Self {
        let mut accounts: Vec<Address> = entries.iter().map(|entry| entry.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let place = |account: &Address| accounts.binary_search(account).ok();
        let owner = |entry: &Entry| place(&entry.account).unwrap_or_default(); // every owner is in the list
        let partner = |entry: &Entry| {
            entry.partner.as_ref().filter(|partner| **partner != entry.account).and_then(place)
        };
        Self {
            owner: entries.iter().map(owner).collect(),
            partner: entries.iter().map(partner).collect(),
            left: entries.iter().map(|entry| entry.wh).collect(),
            entries,
            price,
            trades: Vec::new(),
        }
    }

    fn choice(&self, orders: &[usize], by_partner: bool) -> Choice {
        let mut choice = Choice::new();
        for at in orders.iter().copied().filter(|at| self.is_left(*at)) {
            let named = self.partner[at].filter(|_| by_partner);
            choice.entry((self.owner[at], named)).or_default().push_back(at);
        }
        choice
    }

    fn is_left(&self, at: usize) -> bool {
        self.left[at] > WattHours::ZERO
    }

    /// `takers` with a partner choose among that partner's orders; `mutual`: those that name the taker.
    fn prefer(&mut self, takers: &[usize], makers: &[usize], mutual: bool) {
        let with_partner = takers.iter().filter(|at| self.partner[**at].is_some());
        let takers: Vec<usize> = with_partner.copied().collect();
        if takers.is_empty() || planted!("preference-ignored") {
            return;
        }
        let mut choice = self.choice(makers, mutual);
        for taker in takers {
            let Some(partner) = self.partner[taker] else { continue };
            let chooser = Some(self.owner[taker]).filter(|_| mutual);
            let Some(best) = choice.get_mut(&(partner, chooser)) else { continue };
            while let Some(maker) = self.first_left(best) {
                if !self.is_left(taker) || !self.trade(taker, maker) {
                    break;
                }
            }
        }
    }

    /// Bids choose among all offers but those of their own account.
    fn meet(&mut self, bids: &[usize], offers: &[usize]) {
        let mut choice = self.choice(offers, false);
        let mut rank = vec![0; self.entries.len()];
        offers.iter().enumerate().for_each(|(place, at)| rank[*at] = place);
        let front = |best: &VecDeque<usize>, owner| best.front().map(|at| (rank[*at], owner));
        // The best offer of each account: the bidder's own is passed over without a search.
        let mut fronts: BTreeSet<(usize, Owner)> =
            choice.iter().filter_map(|((owner, _), best)| front(best, *owner)).collect();
        for bid in bids.iter().copied() {
            let bidder = self.owner[bid];
            while self.is_left(bid) {
                let other = |owner: &Owner| *owner != bidder || planted!("self-trade");
                let Some(&(at, owner)) = fronts.iter().find(|(_, owner)| other(owner)) else { break };
                let offer = offers[at];
                if !self.trade(bid, offer) {
                    break;
                }
                if let Some(best) = choice.get_mut(&(owner, None)).filter(|_| !self.is_left(offer)) {
                    fronts.remove(&(at, owner));
                    self.first_left(best);
                    fronts.extend(front(best, owner));
                }
            }
        }
    }

    /// The best that is left; what is used up goes.
    fn first_left(&self, best: &mut VecDeque<usize>) -> Option<usize> {
        while best.front().is_some_and(|at| !self.is_left(*at)) {
            best.pop_front();
        }
        best.front().copied()
    }

    /// Trades as much as both have left, if prices cross.
    fn trade(&mut self, one: usize, other: usize) -> bool {
        let one_buys = self.entries[one].side == Side::Buy;
        let (bid, offer) = if one_buys { (one, other) } else { (other, one) };
        if self.entries[bid].price < self.entries[offer].price {
            return false;
        }
        let wh = self.left[bid].min(self.left[offer]);
        for at in [bid, offer] {
            self.left[at] = self.left[at].saturating_sub(wh);
        }
        let price = self.price.unwrap_or(self.entries[bid].price);
        self.trades.push(Trade { bid, offer, wh, price });
        true
    }
}

#[cfg(test)]
pub(crate) mod tests;
