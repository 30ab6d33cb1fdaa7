//! Rules of orders and deals: each has its place in a list, in the queue and in the ledger, and nothing else has.

use super::{Tally, Violation};
use crate::State;
use crate::keys::{self};
use crate::modules::deals;
use crate::modules::deals::records::{Acceptance, Deal, DealState};
use crate::modules::energy::records::Member;
use crate::modules::ledger::records::Hold;
use crate::modules::market::records::Order;
use crate::modules::records::Due;
use crate::overlay::decode_entry;
use std::collections::BTreeMap;
use wattle_primitives::call::deals::Funding;
use wattle_primitives::call::market::Side;
use wattle_primitives::{Address, Amount, Hash, TimeMs};

/// What of members' credit is reserved: as their records say, and as their deals do.
#[derive(Default)]
pub(super) struct Credit(BTreeMap<(Hash, Address), (Amount, Amount)>);

impl Credit {
    /// Checks that both are the same for every member.
    pub(super) fn check(&self) -> Result<(), Violation> {
        let apart = self.0.iter().find(|(_, (says, reserved))| says != reserved);
        apart.map_or(Ok(()), |((id, _), _)| require(false, *id, "member's reserved credit is not its deals'"))
    }
}

/// Fails with `what` is wrong unless it `holds`.
fn require(holds: bool, id: Hash, what: &'static str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::Market { id, what }) }
}

/// What is held under `id` without an end of its own; zero when nothing is.
fn held(state: &State, id: &Hash) -> Amount {
    let hold: Option<Hold> = state.read(keys::hold(id));
    hold.filter(|hold| hold.expires_ms == TimeMs::MAX).map_or(Amount::ZERO, |hold| hold.entry.amount)
}

/// What stands in the queue ends at that time.
fn check_queued(state: &State, key: &[u8], due: Due) -> Result<(), Violation> {
    let (id, ends_ms) = match due {
        Due::Order(id) => (id, state.read(keys::order(&id)).and_then(|order| order.expires_ms)),
        Due::Deal(id) => (id, state.read(keys::deal(&id)).map(|deal| deal.expires_ms)),
        Due::Hold(_) | Due::Microgrid(_) => return Ok(()),
    };
    require(ends_ms.is_some() && ends_ms == keys::queue_time(key), id, "order or deal is queued amiss")
}

/// A hold without an end of its own belongs to an order or a deal.
fn check_hold(state: &State, id: Hash, hold: &Hold) -> Result<(), Violation> {
    let known = state.get(&keys::order(&id)).is_some() || state.get(&keys::deal(&id)).is_some();
    require(hold.expires_ms < TimeMs::MAX || known, id, "hold has no end and belongs to nothing")
}

impl Tally {
    /// Takes an entry of the market.
    pub(super) fn take_market(&mut self, state: &State, key: &[u8], value: &[u8]) -> Result<(), Violation> {
        let (tag, rest) = (key.first().copied().unwrap_or_default(), key.get(1..).unwrap_or_default());
        match tag {
            keys::tag::QUEUE => return check_queued(state, key, decode_entry(key, value)),
            keys::tag::HOLD => return check_hold(state, decode_entry(key, rest), &decode_entry(key, value)),
            keys::tag::ORDER => {
                return self.take_order(state, decode_entry(key, rest), &decode_entry(key, value));
            }
            keys::tag::DEAL => {
                return self.take_deal(state, decode_entry(key, rest), &decode_entry(key, value));
            }
            keys::tag::MEMBER => {
                let member: Member = decode_entry(key, value);
                self.credit.0.entry(decode_entry(key, rest)).or_default().0 = member.reserved;
            }
            keys::tag::ORDER_INDEX => self.found("orders"),
            keys::tag::DEAL_INDEX => self.found("deals"),
            keys::tag::DEAL_COUNT => self.expect("deal count", u64::from(decode_entry::<u32>(key, value))),
            keys::tag::ACCEPTANCE => {
                self.owed = self.owed.saturating_add(decode_entry::<Acceptance>(key, value).deposit.0);
                self.found("acceptances");
            }
            _ => {}
        }
        Ok(())
    }

    fn take_order(&mut self, state: &State, id: Hash, order: &Order) -> Result<(), Violation> {
        self.expect("orders", 1);
        self.owed = self.owed.saturating_add(order.deposit.0);
        let Order { microgrid, interval, index, reserved, .. } = order;
        let listed = state.read(keys::order_index(microgrid, *interval, *index)) == Some(id);
        let counted = state.read(keys::interval(microgrid, *interval));
        require(listed && counted.is_some_and(|record| *index < record.orders), id, "order is not listed")?;
        let queued =
            order.expires_ms.is_none_or(|at| state.read(keys::queue(at, &id)) == Some(Due::Order(id)));
        require(queued, id, "order is not queued")?;
        require(held(state, &id) == *reserved, id, "order's hold is not what it reserves")?;
        let covered = order.side == Side::Sell || order.amount.saturating_add(order.fee) <= *reserved;
        require(order.filled_wh <= order.wh && covered, id, "order is filled beyond what it is")
    }

    fn take_deal(&mut self, state: &State, id: Hash, deal: &Deal) -> Result<(), Violation> {
        self.expect("deals", 1);
        self.found("deal count");
        self.expect("acceptances", u64::try_from(deal.acceptors.len()).unwrap_or(u64::MAX));
        self.owed = self.owed.saturating_add(deal.deposit.0);
        let listed = state.read(keys::deal_index(&deal.microgrid, deal.index)) == Some(id);
        let queued = state.read(keys::queue(deal.expires_ms, &id)) == Some(Due::Deal(id));
        require(listed && queued, id, "deal is not listed or queued")?;
        let known = |account: &Address| state.get(&keys::acceptance(&id, account)).is_some();
        require(deal.acceptors.iter().all(known), id, "acceptance is missing")?;
        let (mut by_wallet, mut by_credit) = (Amount::ZERO, Amount::ZERO);
        if let DealState::Authorised { partner, funding, .. } = deal.state {
            match funding {
                Funding::Balance => by_wallet = deals::reserved(deal),
                Funding::Credit => by_credit = deals::reserved(deal),
            }
            let of = self.credit.0.entry((deal.microgrid, deal.sides(partner).0)).or_default();
            of.1 = of.1.saturating_add(by_credit);
        }
        require(held(state, &id) == by_wallet, id, "deal's hold is not what it reserves")
    }
}
