//! Bilateral deals: a request, acceptances, one of them confirmed, an authorisation, reports of use, an end.
//!
//! | state | who may do what | it ends by itself |
//! |---|---|---|
//! | requested | another member accepts; the requester confirms or aborts; who accepted takes that back | at the request's end |
//! | confirmed | the charging side authorises; either side aborts | [`CONFIRMED_MS`] after the confirmation |
//! | authorised | the charging side or its meter reports and closes ([`usage`]); either side aborts | at the authorisation's end |
//!
//! From the block time that reaches its end on, a request or deal is unknown to every call, whether or not the block
//! had room to end it.
//!
//! # Invariants
//! - The amount of a deal is the lesser of both sides' most, in whole units, and not below the requester's least.
//! - Its price is the charging side's.
//! - A deal backed by the wallet has a hold under its own id; one backed by credit counts in its member's record.

pub(super) mod usage;

use super::clearing::cost_at_most;
use super::market::address;
use super::records::{Acceptance, Deal, DealState, Microgrid};
use super::{credit, registry, tab, terms};
use crate::keys;
use crate::modules::records::{Due, Meter};
use crate::modules::{Ctx, ledger};
use wattle_primitives::call::energy::{
    ACCEPTANCES_MAX, AUTHORISATION_MS_MAX, CONFIRMED_MS, DEAL_WH_MAX, DealEnd, Funding, MARGIN_PART,
    PRICE_MAX, REQUEST_MS_MAX, Side, deal_id,
};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::reading::MeterRole;
use wattle_primitives::{Address, Amount, BoundedVec, Event, Hash, Reason, TimeMs, WattHours};

/// Keys that a request or an acceptance touches: microgrid, members, terms, deal, list, queue, acceptance, deposits.
pub(super) const ASK_KEYS: u64 = 24;
/// Keys that an authorisation touches: deal, meter, queue, microgrid, member, terms, hold, four counters and the tab's
/// record, deposits.
pub(super) const AUTHORISE_KEYS: u64 = 33;
/// Keys that a report touches: deal, meter, microgrid, members, positions, interval, tab and its record, versions of
/// terms looked through twice.
pub(super) const REPORT_KEYS: u64 = 10 + 2 * super::TERMS_KEYS;
/// Keys that closing touches: a report and the end.
pub(super) const CLOSE_KEYS: u64 = REPORT_KEYS + usage::END_KEYS;
/// Keys that the end of a request touches, or a confirmation: the end of a deal, and every acceptance.
pub(super) const PICK_KEYS: u64 = usage::END_KEYS + usage::ACCEPTANCE_KEYS * ACCEPTANCES_MAX as u64;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewDeal<'a> {
    pub(super) microgrid: &'a Hash,
    pub(super) reference: &'a Hash,
    pub(super) side: Side,
    pub(super) wh_max: WattHours,
    pub(super) wh_min: WattHours,
    pub(super) unit_wh: WattHours,
    pub(super) price: Amount,
    pub(super) expires_ms: TimeMs,
}

/// Checks what needs no state.
pub(super) fn check_request(new: &NewDeal<'_>) -> Result<(), Reason> {
    let NewDeal { wh_max, wh_min, unit_wh, price, .. } = *new;
    check_acceptance(wh_max, price)?;
    if wh_min == WattHours::ZERO || wh_min > wh_max || unit_wh == WattHours::ZERO || unit_wh.0 > DEAL_WH_MAX {
        return Err(Reason::OutOfRange);
    }
    agreed(wh_max, wh_max, wh_min, unit_wh).map(drop)
}

/// Checks what needs no state.
pub(super) fn check_acceptance(wh_max: WattHours, price: Amount) -> Result<(), Reason> {
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

/// What a deal reserves: the price of its amount and, once it is authorised, of the margin.
#[must_use]
pub(crate) fn reserved(deal: &Deal) -> Amount {
    let margin_wh = match deal.state {
        DealState::Authorised { margin_wh, .. } => margin_wh,
        DealState::Requested | DealState::Confirmed { .. } => WattHours::ZERO,
    };
    cost_at_most(deal.price, deal.wh.saturating_add(margin_wh))
}

/// A request or deal that is not over.
fn deal(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Deal, Reason> {
    let deal: Deal = ctx.state.read(keys::deal(id)).ok_or(Reason::UnknownDeal)?;
    if deal.expires_ms > ctx.time_ms() { Ok(deal) } else { Err(Reason::UnknownDeal) }
}

/// An end that is to come within `span_ms`.
fn check_end(ctx: &Ctx<'_>, expires_ms: TimeMs, span_ms: u64) -> Result<(), Reason> {
    let last = ctx.time_ms().saturating_add(TimeMs(span_ms));
    if expires_ms > ctx.time_ms() && expires_ms <= last { Ok(()) } else { Err(Reason::BadTime) }
}

/// Puts a deal under its new end in the queue.
fn queue(ctx: &mut Ctx<'_>, id: &Hash, deal: &mut Deal, expires_ms: TimeMs) {
    ctx.state.remove(keys::queue(deal.expires_ms, id));
    deal.expires_ms = expires_ms;
    ctx.state.write(keys::queue(expires_ms, id), &Due::Deal(*id));
}

/// Asks for a deal.
pub(super) fn request(ctx: &mut Ctx<'_>, new: &NewDeal<'_>) -> Result<(), Reason> {
    let NewDeal { microgrid, reference, side, wh_max, wh_min, unit_wh, price, expires_ms } = *new;
    let requester = ctx.sender();
    let id = deal_id(&requester, reference);
    let grid = registry::microgrid(ctx, microgrid)?;
    tab::member(ctx, microgrid, &requester)?;
    let current = credit::current(ctx, &grid);
    terms::at(ctx, microgrid, &grid, current).ok_or(Reason::NoTerms)?;
    check_end(ctx, expires_ms, REQUEST_MS_MAX)?;
    if ctx.state.contains(keys::deal(&id)) || ctx.state.contains(keys::queue(expires_ms, &id)) {
        return Err(Reason::AlreadyExists);
    }
    let mut deal = Deal {
        microgrid: *microgrid,
        index: list(ctx, microgrid, &id)?,
        requester,
        side,
        wh: wh_max,
        wh_min,
        unit_wh,
        price,
        expires_ms,
        deposit: ledger::deposit(ctx, requester)?,
        acceptors: BoundedVec::default(),
        state: DealState::Requested,
    };
    queue(ctx, &id, &mut deal, expires_ms);
    ctx.state.write(keys::deal(&id), &deal);
    ctx.emit(Event::DealRequested {
        deal: id,
        microgrid: *microgrid,
        account: requester,
        side,
        wh_max,
        price,
    });
    Ok(())
}

/// Adds a deal to its microgrid's list and says where.
fn list(ctx: &mut Ctx<'_>, microgrid: &Hash, id: &Hash) -> Result<u32, Reason> {
    let index = ctx.state.read::<u32>(keys::deal_count(microgrid)).unwrap_or(0);
    let count = index.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::deal_count(microgrid), &count);
    ctx.state.write(keys::deal_index(microgrid, index), id);
    Ok(index)
}

/// Takes a deal off its microgrid's list; the last one takes its place.
fn unlist(ctx: &mut Ctx<'_>, deal: &Deal) {
    let microgrid = &deal.microgrid;
    let count = ctx.state.read::<u32>(keys::deal_count(microgrid)).unwrap_or(0);
    let last = keys::deal_index(microgrid, count.saturating_sub(1));
    if let Some(moved) = ctx.state.read::<Hash>(last)
        && let Some(mut other) = ctx.state.read::<Deal>(keys::deal(&moved))
    {
        other.index = deal.index;
        ctx.state.write(keys::deal(&moved), &other);
        ctx.state.write(keys::deal_index(microgrid, deal.index), &moved);
    }
    ctx.state.remove(last);
    match count.saturating_sub(1) {
        0 => ctx.state.remove(keys::deal_count(microgrid)),
        count => ctx.state.write(keys::deal_count(microgrid), &count),
    }
}

/// Accepts a request.
pub(super) fn accept(ctx: &mut Ctx<'_>, id: &Hash, wh_max: WattHours, price: Amount) -> Result<(), Reason> {
    let account = ctx.sender();
    let mut deal = deal(ctx, id)?;
    if deal.state != DealState::Requested {
        return Err(Reason::DealState);
    }
    if deal.requester == account {
        return Err(Reason::SameAccount);
    }
    tab::member(ctx, &deal.microgrid, &account)?;
    let wh = agreed(deal.wh, wh_max, deal.wh_min, deal.unit_wh)?;
    let key = keys::acceptance(id, &account);
    if ctx.state.contains(key) {
        return Err(Reason::AlreadyExists);
    }
    let mut acceptors = deal.acceptors.to_vec();
    acceptors.push(account);
    deal.acceptors = BoundedVec::new(acceptors).map_err(|_| Reason::BookFull)?;
    let acceptance = Acceptance { wh_max, price, deposit: ledger::deposit(ctx, account)? };
    ctx.state.write(key, &acceptance);
    ctx.state.write(keys::deal(id), &deal);
    ctx.emit(Event::DealAccepted { deal: *id, account, wh, price: deal.price_with(&acceptance) });
    Ok(())
}

/// Forgets the acceptances of a request, which the caller writes.
fn forget_acceptances(ctx: &mut Ctx<'_>, id: &Hash, deal: &mut Deal) -> Result<(), Reason> {
    for account in std::mem::take(&mut deal.acceptors) {
        let key = keys::acceptance(id, &account);
        if let Some(acceptance) = ctx.state.read::<Acceptance>(key) {
            ctx.state.remove(key);
            ledger::refund(ctx, account, acceptance.deposit)?;
        }
    }
    Ok(())
}

/// Picks an acceptance of the sender's request.
pub(super) fn confirm(ctx: &mut Ctx<'_>, id: &Hash, partner: Address) -> Result<(), Reason> {
    let mut deal = deal(ctx, id)?;
    if deal.requester != ctx.sender() {
        return Err(Reason::NotAllowed);
    }
    if deal.state != DealState::Requested {
        return Err(Reason::DealState);
    }
    let acceptance: Acceptance = ctx.state.read(keys::acceptance(id, &partner)).ok_or(Reason::UnknownDeal)?;
    deal.price = deal.price_with(&acceptance);
    deal.wh = agreed(deal.wh, acceptance.wh_max, deal.wh_min, deal.unit_wh)?;
    deal.state = DealState::Confirmed { partner };
    forget_acceptances(ctx, id, &mut deal)?;
    let until = ctx.time_ms().saturating_add(TimeMs(CONFIRMED_MS));
    queue(ctx, id, &mut deal, until);
    ctx.state.write(keys::deal(id), &deal);
    let (charger, discharger) = deal.sides(partner);
    let Deal { wh, price, .. } = deal;
    ctx.emit(Event::DealConfirmed { deal: *id, charger, discharger, wh, price });
    Ok(())
}

/// Reserves what a deal may cost the sender, who charges.
pub(super) fn authorise(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    funding: Funding,
    expires_ms: TimeMs,
    margin_wh: WattHours,
    meter: Address,
) -> Result<(), Reason> {
    let mut deal = deal(ctx, id)?;
    let partner = match deal.state {
        DealState::Confirmed { partner } if deal.sides(partner).0 == ctx.sender() => partner,
        DealState::Confirmed { .. } => return Err(Reason::NotAllowed),
        DealState::Requested | DealState::Authorised { .. } => return Err(Reason::DealState),
    };
    check_end(ctx, expires_ms, AUTHORISATION_MS_MAX)?;
    if margin_wh.0 > deal.wh.0 / MARGIN_PART {
        return Err(Reason::OutOfRange);
    }
    let record: Meter = ctx.state.read(keys::meter(&meter)).ok_or(Reason::UnknownMeter)?;
    if record.owner != ctx.sender() || record.microgrid != deal.microgrid || record.role != MeterRole::Sub {
        return Err(Reason::NotAllowed);
    }
    if record.replaced_by.is_some() {
        return Err(Reason::MeterReplaced);
    }
    let from_wh = record.last.ok_or(Reason::Unmetered)?.import_wh;
    let grid = registry::microgrid(ctx, &deal.microgrid)?;
    let (seq, used_wh) = (0, WattHours::ZERO);
    deal.state = DealState::Authorised { partner, funding, margin_wh, seq, used_wh, meter, from_wh };
    let reserved = reserved(&deal);
    back(ctx, id, &deal, &grid, funding)?;
    queue(ctx, id, &mut deal, expires_ms);
    ctx.state.write(keys::deal(id), &deal);
    ctx.emit(Event::DealAuthorised { deal: *id, funding, reserved, expires_ms, meter });
    Ok(())
}

/// Reserves the price of the whole deal and its margin from the sender's wallet or credit.
fn back(ctx: &mut Ctx<'_>, id: &Hash, deal: &Deal, grid: &Microgrid, funding: Funding) -> Result<(), Reason> {
    let (charger, amount) = (ctx.sender(), reserved(deal));
    match funding {
        Funding::Credit => credit::reserve(ctx, &deal.microgrid, grid, &charger, amount),
        Funding::Balance => {
            credit::check(ctx, &deal.microgrid, grid, &charger)?;
            if amount == Amount::ZERO {
                return Ok(());
            }
            let code = tab::member(ctx, &deal.microgrid, &charger)?.code;
            let (debit, credit) = (ledger::wallet(charger), tab::account(grid.book, code));
            let entry = Entry { debit, credit, asset: grid.asset, amount };
            ledger::reserve(ctx, id, &entry, address(&deal.microgrid), TimeMs::MAX)
        }
    }
}

/// Ends the sender's request, acceptance or deal.
pub(super) fn abort(ctx: &mut Ctx<'_>, id: &Hash) -> Result<(), Reason> {
    let mut deal = deal(ctx, id)?;
    let sender = ctx.sender();
    if deal.state == DealState::Requested && deal.requester != sender {
        let key = keys::acceptance(id, &sender);
        let acceptance: Acceptance = ctx.state.read(key).ok_or(Reason::NotAllowed)?;
        ctx.state.remove(key);
        let others = deal.acceptors.iter().copied().filter(|account| *account != sender);
        deal.acceptors = BoundedVec::new(others.collect()).map_err(|_| Reason::BookFull)?;
        ctx.state.write(keys::deal(id), &deal);
        ctx.emit(Event::DealWithdrawn { deal: *id, account: sender });
        return ledger::refund(ctx, sender, acceptance.deposit);
    }
    match deal.state {
        DealState::Confirmed { partner } | DealState::Authorised { partner, .. }
            if sender != partner && sender != deal.requester =>
        {
            Err(Reason::NotAllowed)
        }
        _ => usage::end(ctx, id, deal, DealEnd::Aborted),
    }
}
