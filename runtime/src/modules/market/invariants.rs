//! The rules of orders: each has its place in a list, in the queue and in the ledger, and nothing else has.

use super::records::Order;
use crate::State;
use crate::keys::{self, tag};
use crate::modules::invariants::{self, Entry, Sums, Violation, require};
use crate::modules::ledger;
use crate::records::Due;
use wattle_primitives::Hash;
use wattle_primitives::call::market::Side;

#[derive(Default)]
pub(crate) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        match entry.tag() {
            tag::ORDER => {
                sums.expect("orders", 1);
                let order: Order = entry.record();
                sums.owe(&order.deposit);
                check_order(entry.state, entry.name(), &order)
            }
            tag::ORDER_INDEX => {
                sums.found("orders");
                Ok(())
            }
            tag::QUEUE => match entry.record() {
                Due::Order(id) => {
                    let ends_ms = entry.state.read(keys::order(&id)).and_then(|order| order.expires_ms);
                    let queued = ends_ms.is_some() && ends_ms == keys::queue_time(entry.key);
                    require(queued, id, "order is queued amiss")
                }
                Due::Hold(_) | Due::Microgrid(_) | Due::Deal(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn check_order(state: &State, id: Hash, order: &Order) -> Result<(), Violation> {
    let Order { microgrid, interval, index, reserved, .. } = order;
    let listed = state.read(keys::order_index(microgrid, *interval, *index)) == Some(id);
    let counted = state.read(keys::interval(microgrid, *interval));
    require(listed && counted.is_some_and(|record| *index < record.orders), id, "order is not listed")?;
    let queued = order.expires_ms.is_none_or(|at| state.get(&keys::queue(at, &Due::Order(id))).is_some());
    require(queued, id, "order is not queued")?;
    require(ledger::held(state, &id) == *reserved, id, "order's hold is not what it reserves")?;
    let covered = order.side == Side::Sell || order.amount.saturating_add(order.fee) <= *reserved;
    require(order.filled_wh <= order.wh && covered, id, "order is filled beyond what it is")
}
