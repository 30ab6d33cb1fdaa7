//! `energy_*` about markets, deals and disputes.

use super::{CURSOR, LIMIT, Method, opt, query, req};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Hash};
use wattle_rpc_types::DisputesRequest;

pub(super) static METHODS: &[Method] = &[
    query!(
        "energy_listTrades",
        "The trades of an interval, in the order in which they were matched.",
        [req::<Hash>("microgrid"), req::<IntervalId>("interval"), CURSOR, LIMIT],
        |b, p| b.energy_trades(p.get("microgrid")?, p.get("interval")?, p.page()?)
    ),
    query!(
        "energy_orderBook",
        "The orders that stand for an interval, by price.",
        [req::<Hash>("microgrid"), req::<IntervalId>("interval")],
        |b, p| b.energy_order_book(p.get("microgrid")?, p.get("interval")?)
    ),
    query!(
        "energy_listOrders",
        "The orders that stand for an interval, in the order in which they were placed.",
        [req::<Hash>("microgrid"), req::<IntervalId>("interval"), CURSOR, LIMIT],
        |b, p| b.energy_orders(p.get("microgrid")?, p.get("interval")?, p.page()?)
    ),
    query!("energy_getOrder", "An order that stands.", [req::<Hash>("order")], |b, p| {
        b.energy_order(p.get("order")?)
    }),
    query!(
        "energy_getDeal",
        "A request for a deal, or the deal: what is authorised, used and left.",
        [req::<Hash>("deal")],
        |b, p| b.energy_deal(p.get("deal")?)
    ),
    query!(
        "energy_listDeals",
        "A microgrid's open requests and deals.",
        [req::<Hash>("microgrid"), CURSOR, LIMIT],
        |b, p| b.energy_deals(p.get("microgrid")?, p.page()?)
    ),
    query!(
        "energy_listDisputes",
        "Disputes that are not decided, of a microgrid, of an account, or all.",
        [opt::<Hash>("microgrid"), opt::<Address>("account"), CURSOR, LIMIT],
        |b, p| {
            let request = DisputesRequest { microgrid: p.find("microgrid")?, account: p.find("account")? };
            b.energy_disputes(request, p.page()?)
        }
    ),
    query!("energy_getDispute", "A dispute that is not decided.", [req::<Hash>("dispute")], |b, p| {
        b.energy_dispute(p.get("dispute")?)
    }),
];
