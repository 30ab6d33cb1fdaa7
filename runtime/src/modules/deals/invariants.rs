//! The rules of deals: each has its place in a list, in the queue and in the ledger, and nothing else has.

use super::records::{Acceptance, Deal, DealState};
use super::reserved;
use crate::State;
use crate::keys::{self, tag};
use crate::modules::energy::records::Member;
use crate::modules::invariants::{self, Entry, Sums, Violation, require};
use crate::modules::ledger;
use crate::modules::ledger::records::Hold;
use crate::records::Due;
use std::collections::BTreeMap;
use wattle_primitives::call::deals::Funding;
use wattle_primitives::{Address, Amount, Hash};

#[derive(Default)]
pub(crate) struct Rules {
    /// Reserved credit of members: as their records say, and as their deals do.
    credit: BTreeMap<(Hash, Address), (Amount, Amount)>,
}

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        match entry.tag() {
            tag::DEAL => {
                sums.expect("deals", 1);
                sums.found("deal count");
                let deal: Deal = entry.record();
                sums.expect("acceptances", u64::try_from(deal.acceptors.len()).unwrap_or(u64::MAX));
                sums.owe(&deal.deposit);
                self.take_deal(entry.state, entry.name(), &deal)?;
            }
            tag::MEMBER => {
                self.credit.entry(entry.name()).or_default().0 = entry.record::<Member>().reserved;
            }
            tag::DEAL_INDEX => sums.found("deals"),
            tag::DEAL_COUNT => sums.expect("deal count", u64::from(entry.record::<u32>())),
            tag::ACCEPTANCE => {
                sums.owe(&entry.record::<Acceptance>().deposit);
                sums.found("acceptances");
            }
            tag::QUEUE => match entry.record() {
                Due::Deal(id) => {
                    let ends_ms = entry.state.read(keys::deal(&id)).map(|deal| deal.expires_ms);
                    let queued = ends_ms.is_some() && ends_ms == keys::queue_time(entry.key);
                    require(queued, id, "deal is queued amiss")?;
                }
                Due::Hold(_) | Due::Microgrid(_) | Due::Order(_) => {}
            },
            tag::HOLD => {
                let id: Hash = entry.name();
                let owned = entry.record::<Hold>().owned;
                let known = entry.state.get(&keys::order(&id)).is_some()
                    || entry.state.get(&keys::deal(&id)).is_some();
                require(!owned || known, id, "hold is of an order or deal that is not there")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn check(self, _state: &State) -> Result<(), Violation> {
        self.credit.iter().try_for_each(|((id, _), (says, reserved))| {
            require(says == reserved, *id, "member's reserved credit is not its deals'")
        })
    }
}

impl Rules {
    fn take_deal(&mut self, state: &State, id: Hash, deal: &Deal) -> Result<(), Violation> {
        let listed = state.read(keys::deal_index(&deal.microgrid, deal.index)) == Some(id);
        let queued = state.get(&keys::queue(deal.expires_ms, &Due::Deal(id))).is_some();
        require(listed && queued, id, "deal is not listed or queued")?;
        let known = |account: &Address| state.get(&keys::acceptance(&id, account)).is_some();
        require(deal.acceptors.iter().all(known), id, "acceptance is missing")?;
        let (mut by_wallet, mut by_credit) = (Amount::ZERO, Amount::ZERO);
        match deal.state {
            DealState::Requested | DealState::Confirmed { .. } => {}
            DealState::Authorised { partner, funding, .. } => {
                match funding {
                    Funding::Balance => by_wallet = reserved(deal),
                    Funding::Credit => by_credit = reserved(deal),
                }
                let of = self.credit.entry((deal.microgrid, deal.sides(partner).0)).or_default();
                of.1 = of.1.saturating_add(by_credit);
            }
        }
        require(ledger::held(state, &id) == by_wallet, id, "deal's hold is not what it reserves")
    }
}
