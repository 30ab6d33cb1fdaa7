//! Bilateral deals: a request, acceptances, one of them confirmed, an authorisation, reports of use, an end.
//!
//! | state | who may do what | it ends by itself |
//! |---|---|---|
//! | requested | another member accepts, or takes that back; the requester confirms or aborts | at the request's end |
//! | confirmed | the charging side authorises; either side aborts | [`CONFIRMED_MS`] after the confirmation |
//! | authorised | charging side or meter reports, closes ([`usage`]); either side aborts | at the authorisation's end |
//!
//! From the block time that reaches its end on, a request or deal is unknown to every call, whether or not the block
//! had room to end it.
//!
//! # Invariants
//! - The amount of a deal is the lesser of both sides' most, in whole units, and not below the requester's least.
//! - Its price is the charging side's.
//! - A deal backed by the wallet has a hold under its own id; one backed by credit counts in its member's record.
//!
//! [`CONFIRMED_MS`]: wattle_primitives::call::deals::CONFIRMED_MS

mod abort_deal;
mod accept_deal;
mod authorise_deal;
mod close_deal;
mod confirm_deal;
mod invariants;
pub mod keys;
pub mod query;
pub mod records;
mod report_usage;
mod request_deal;
mod usage;

pub(super) use invariants::Rules;
pub(crate) use usage::expire;

use super::energy::TERMS_KEYS;
use super::energy::prices::cost_at_most;
use super::list::List;
use super::{Ctx, ledger};
use crate::records::Due;
use records::{Acceptance, Deal, DealState};
use wattle_primitives::call::DealsCall;
use wattle_primitives::call::deals::{ACCEPTANCES_MAX, DEAL_WH_MAX};
use wattle_primitives::call::energy::PRICE_MAX;
use wattle_primitives::call::market::Side;
use wattle_primitives::{Address, Amount, Hash, Reason, TimeMs, WattHours};

actions! { DealsCall { RequestDeal, AcceptDeal, ConfirmDeal, AuthoriseDeal, ReportUsage, CloseDeal, AbortDeal } }

/// Share of a block's due work, in thousandths: requests, confirmations and authorisations that expire.
pub(super) const DUE_SHARE: u64 = 125;
/// Keys that a request or an acceptance touches: microgrid, members, terms, deal, list, queue, acceptance, deposits.
const ASK_KEYS: u64 = 24;
/// Keys that a report touches: deal, meter, microgrid, members, positions, interval, tab and its record, versions of
/// terms looked through twice.
const REPORT_KEYS: u64 = 12 + 2 * TERMS_KEYS;
/// Keys that the end of a request touches, or a confirmation: the end of a deal, and every acceptance.
const PICK_KEYS: u64 = usage::END_KEYS + usage::ACCEPTANCE_KEYS * ACCEPTANCES_MAX as u64;

/// A microgrid's requests and deals.
const LIST: List<Hash> = List { count: crate::keys::deal_count, at: crate::keys::deal_index };

/// Checks the energy and the price that a side offers.
fn check_offer(wh_max: WattHours, price: Amount) -> Result<(), Reason> {
    let in_range = wh_max > WattHours::ZERO && wh_max.0 <= DEAL_WH_MAX && price <= PRICE_MAX;
    if in_range { Ok(()) } else { Err(Reason::OutOfRange) }
}

/// Energy that both sides can agree on: whole units, or nothing below the least.
fn agreed(one: WattHours, other: WattHours, least: WattHours, unit: WattHours) -> Result<WattHours, Reason> {
    let most = one.min(other).0;
    let wh = WattHours(most.saturating_sub(most.checked_rem(unit.0).unwrap_or(most)));
    if wh >= least && wh > WattHours::ZERO { Ok(wh) } else { Err(Reason::BelowMinimum) }
}

impl Deal {
    /// Who charges and who discharges, with `partner` on the other side.
    pub(crate) const fn sides(&self, partner: Address) -> (Address, Address) {
        match self.side {
            Side::Buy => (self.requester, partner),
            Side::Sell => (partner, self.requester),
        }
    }

    /// The price with this acceptance: the charging side's.
    const fn price_with(&self, acceptance: &Acceptance) -> Amount {
        match self.side {
            Side::Buy => self.price,
            Side::Sell => acceptance.price,
        }
    }
}

/// Amount that a deal reserves, base units: the price of its energy and, once it is authorised, of the margin.
#[must_use]
pub fn reserved(deal: &Deal) -> Amount {
    let margin_wh = match deal.state {
        DealState::Authorised { margin_wh, .. } => margin_wh,
        DealState::Requested | DealState::Confirmed { .. } => WattHours::ZERO,
    };
    cost_at_most(deal.price, deal.wh.saturating_add(margin_wh))
}

/// A request or deal that is not over.
fn deal(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Deal, Reason> {
    let deal = ctx.state.read(crate::keys::deal(id)).ok_or(Reason::UnknownDeal)?;
    if deal.expires_ms > ctx.time_ms() { Ok(deal) } else { Err(Reason::UnknownDeal) }
}

/// An end that is to come within `span_ms`.
fn check_end(ctx: &Ctx<'_>, expires_ms: TimeMs, span_ms: u64) -> Result<(), Reason> {
    let last = ctx.time_ms().saturating_add(TimeMs(span_ms));
    if expires_ms > ctx.time_ms() && expires_ms <= last { Ok(()) } else { Err(Reason::BadTime) }
}

/// Puts a deal under its new end in the queue.
fn queue(ctx: &mut Ctx<'_>, id: &Hash, deal: &mut Deal, expires_ms: TimeMs) {
    ctx.state.remove(crate::keys::queue(deal.expires_ms, &Due::Deal(*id)));
    deal.expires_ms = expires_ms;
    ctx.state.write(crate::keys::queue(expires_ms, &Due::Deal(*id)), &Due::Deal(*id));
}

/// Takes a deal off its microgrid's list.
fn unlist(ctx: &mut Ctx<'_>, deal: &Deal) {
    if let Some(moved) = LIST.remove(ctx, &deal.microgrid, deal.index)
        && let Some(mut other) = ctx.state.read(crate::keys::deal(&moved))
    {
        other.index = deal.index;
        ctx.state.write(crate::keys::deal(&moved), &other);
    }
}

/// Forgets the acceptances of a request, which the caller writes.
fn forget_acceptances(ctx: &mut Ctx<'_>, id: &Hash, deal: &mut Deal) -> Result<(), Reason> {
    for account in std::mem::take(&mut deal.acceptors) {
        let key = crate::keys::acceptance(id, &account);
        if let Some(acceptance) = ctx.state.read::<Acceptance>(key) {
            ctx.state.remove(key);
            ledger::refund(ctx, &acceptance.deposit)?;
        }
    }
    Ok(())
}
