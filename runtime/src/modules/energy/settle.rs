//! Settling an interval provisionally: meters are summed up by member, then members are charged and paid.
//!
//! A meter that has not reported to the end of the interval is estimated: the rest of its import at the rate of its
//! last measured interval, of its export nothing. Where it was silent in a pause of the microgrid, estimates end until
//! it reports again. What a member used beyond what it bought, or delivered beyond what it sold, settles with the
//! operator at the tariff, or under mid-market rates with the other members first.
//!
//! Nothing here can fail: tabs have no limit, and only what a wallet has is taken from it, if its owner lets it be.

use super::exact::share;
use super::lines;
use super::prices::cost;
use super::records::{Interval, LastReading, Measured, Meter, Position, SettledMeter, Silence, Slice, Step};
use super::tab::{self, CLEARING, OPERATOR, Tab};
use super::work::{At, Budget};
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::call::energy::{ClearingRule, LossRule};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::MeterRole;
use wattle_primitives::{Address, Amount, WattHours, planted};

/// Keys of measuring one meter: list entry, meter, how far it is settled, slice, member, position.
const MEASURE_KEYS: u64 = 6;
/// Keys of a member without anything to do.
const IDLE_KEYS: u64 = 2;
/// Keys of a member with a claim for which there is no cash: tab, list entry, member.
const UNPAID_KEYS: u64 = 3;
/// Keys of posting a member's line: position, list entry, member, two tabs and the clearing account with their
/// records, and what paying takes.
const POST_KEYS: u64 = 9 + PAY_KEYS;
/// Keys of paying a tab: member, tab, wallet, two dues.
pub(super) const PAY_KEYS: u64 = 5;

/// Goes on with settling an interval; whether it is done.
pub(crate) fn settle(ctx: &mut Ctx<'_>, at: &At<'_>, budget: &mut Budget) -> bool {
    let key = keys::interval(at.id, at.interval);
    budget.keys(1);
    let record = ctx.state.read(key);
    if record.is_none() && at.grid.meters == 0 && !lines::begins_month(at) {
        return true;
    }
    let mut record = record.unwrap_or_default();
    loop {
        record.step = step(ctx, at, &mut record, budget);
        let done = record.step == Step::Settled;
        if done || budget.is_spent() {
            ctx.state.write(key, &record);
            return done;
        }
    }
}

/// Does one step, and says which is next.
fn step(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, budget: &mut Budget) -> Step {
    match record.step {
        Step::Open | Step::Release { .. } | Step::Cleared => Step::Measure { next: 0 },
        Step::Measure { next } if next < at.grid.meters => {
            measure(ctx, at, record, next);
            budget.keys(MEASURE_KEYS);
            Step::Measure { next: next.saturating_add(1) }
        }
        Step::Measure { .. } if at.terms.clearing == ClearingRule::MidMarket => Step::Sum { next: OPERATOR },
        Step::Measure { .. } => Step::Post { next: OPERATOR },
        Step::Sum { next } if next <= at.grid.members => {
            sum(ctx, at, record, next);
            budget.keys(1);
            Step::Sum { next: next.saturating_add(1) }
        }
        Step::Sum { .. } => Step::Post { next: OPERATOR },
        Step::Post { next } if next <= at.grid.members => {
            if lines::begins_month(at) {
                lines::post_month(ctx, at, next);
                budget.keys(lines::MONTH_KEYS);
            }
            let posted = post(ctx, at, record, next);
            budget.keys(if posted { POST_KEYS } else { IDLE_KEYS });
            Step::Post { next: next.saturating_add(1) }
        }
        Step::Post { .. } => Step::Pay { next: OPERATOR.saturating_add(1) },
        // The operator comes last: what there is goes to members first.
        Step::Pay { next } if next <= at.grid.members.saturating_add(1) => {
            let paid = pay(ctx, at, if next <= at.grid.members { next } else { OPERATOR });
            budget.keys(if paid { PAY_KEYS.saturating_add(IDLE_KEYS) } else { UNPAID_KEYS });
            Step::Pay { next: next.saturating_add(1) }
        }
        Step::Pay { .. } | Step::Settled | Step::Finish { .. } => {
            ctx.emit(EnergyEvent::IntervalSettled {
                microgrid: *at.id,
                interval: at.interval,
                import_wh: record.subs.import_wh,
                export_wh: record.subs.export_wh,
                traded_wh: record.traded_wh,
                accounts: record.accounts,
                estimated: record.subs.estimated,
            });
            Step::Settled
        }
    }
}

/// A meter's part of an interval.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    import_wh: WattHours,
    export_wh: WattHours,
    /// The estimated part of the import, Wh, where the meter has not reported to the end.
    estimate: Option<WattHours>,
}

fn measure(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, index: u32) {
    let Some(address) = ctx.state.read(keys::meter_index(at.id, index)) else { return };
    let Some(meter) = ctx.state.read(keys::meter(&address)) else { return };
    let key = keys::settled_meter(&address);
    let mut settled = ctx.state.read(key).unwrap_or(SettledMeter {
        until: at.interval,
        typical_wh: WattHours::ZERO,
        silence: None,
    });
    if settled.until > at.interval {
        return; // it took the place of one that was measured already
    }
    if meter.closed().is_some() && !ctx.state.contains(keys::slice(&address, at.interval)) {
        return; // nothing of it is left to be measured
    }
    settled.until = at.interval.next();
    let sums = match meter.role {
        MeterRole::Sub => &mut record.subs,
        MeterRole::Feeder => &mut record.feeders,
    };
    if let Some(last) = &meter.last {
        let part = part(ctx, at, &address, &meter, last, &mut settled);
        add(sums, &part);
        if meter.role == MeterRole::Sub {
            book(ctx, at, meter.owner, &part, &mut settled);
        }
    } else {
        // It may well be in use: what it does not show is nobody's loss.
        add(sums, &Part { estimate: Some(WattHours::ZERO), ..Part::default() });
    }
    ctx.state.write(key, &settled);
}

/// A meter's contribution: what its readings brought, and an estimate of the rest.
fn part(
    ctx: &mut Ctx<'_>,
    at: &At<'_>,
    address: &Address,
    meter: &Meter,
    last: &LastReading,
    settled: &mut SettledMeter,
) -> Part {
    let key = keys::slice(address, at.interval);
    let slice = ctx.state.read(key);
    if slice.is_some() {
        ctx.state.remove(key);
    }
    let Slice { import_wh, export_wh, lump } = slice.unwrap_or_default();
    let (start, end) = (at.grid.start(at.interval), at.grid.end(at.interval));
    if last.effective_ms >= end || meter.closed().is_some() {
        if !lump && !last.manual {
            settled.typical_wh = import_wh;
        }
        return Part { import_wh, export_wh, estimate: None };
    }
    let rate = if meter.role == MeterRole::Sub { settled.typical_wh } else { WattHours::ZERO };
    let silence = settled.silence.get_or_insert(Silence {
        since_ms: last.effective_ms.max(start),
        until_ms: None,
        import_wh: rate,
        amount: Amount::ZERO,
    });
    if let Some(paused_ms) = at.grid.paused_from(start.max(silence.since_ms), end) {
        silence.until_ms.get_or_insert(paused_ms.max(silence.since_ms));
    }
    let estimate = silence.between(start.max(silence.since_ms), end, at.grid.interval_ms);
    let estimate = WattHours(estimate);
    let guessed = estimate > WattHours::ZERO && planted!("silent-export-estimated");
    let export_wh = if guessed { export_wh.saturating_add(estimate) } else { export_wh };
    Part { import_wh: import_wh.saturating_add(estimate), export_wh, estimate: Some(estimate) }
}

fn add(sums: &mut Measured, part: &Part) {
    sums.meters = sums.meters.saturating_add(1);
    sums.estimated = sums.estimated.saturating_add(u32::from(part.estimate.is_some()));
    sums.import_wh = sums.import_wh.saturating_add(part.import_wh);
    sums.export_wh = sums.export_wh.saturating_add(part.export_wh);
}

/// Books a meter's part to its owner's position.
fn book(ctx: &mut Ctx<'_>, at: &At<'_>, owner: Address, part: &Part, settled: &mut SettledMeter) {
    let member_key = keys::member(at.id, &owner);
    let Some(mut member) = ctx.state.read(member_key) else { return };
    let key = keys::position(at.id, at.interval, member.code);
    let mut position = ctx.state.read(key).unwrap_or_default();
    position.import_wh = position.import_wh.saturating_add(part.import_wh);
    position.export_wh = position.export_wh.saturating_add(part.export_wh);
    position.estimate_wh = position.estimate_wh.saturating_add(part.estimate.unwrap_or_default());
    if let Some((estimate, silence)) = part.estimate.zip(settled.silence.as_mut()) {
        position.estimated = true;
        let amount = cost(at.prices.import, estimate);
        if amount > Amount::ZERO {
            silence.amount = silence.amount.saturating_add(amount);
            member.estimated = member.estimated.saturating_add(amount);
            ctx.state.write(member_key, &member);
        }
    }
    if !position.is_idle() {
        ctx.state.write(key, &position);
    }
}

/// A member's shortage and its surplus, Wh, once its trades are counted: one of the two is zero.
fn net(position: &Position) -> (u64, u64) {
    let needs = u128::from(position.import_wh.0).saturating_add(u128::from(position.sold_wh.0));
    let has = u128::from(position.export_wh.0).saturating_add(u128::from(position.bought_wh.0));
    let wh = |wh: u128| u64::try_from(wh).unwrap_or(u64::MAX);
    (wh(needs.saturating_sub(has)), wh(has.saturating_sub(needs)))
}

fn sum(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, code: u32) {
    if let Some(position) = ctx.state.read(keys::position(at.id, at.interval, code)) {
        let guessed = position.estimate_wh > WattHours::ZERO && planted!("estimate-in-demand");
        let (demand, supply) = net(&if guessed { position } else { position.measured() });
        record.demand_wh = record.demand_wh.saturating_add(WattHours(demand));
        record.supply_wh = record.supply_wh.saturating_add(WattHours(supply));
    }
}

/// Charges for a member's net position, base units: against the other members, by way of the clearing account, and
/// against the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Charges {
    debit_clearing: Amount,
    debit_operator: Amount,
    credit_clearing: Amount,
    credit_operator: Amount,
}

/// Posts a member's line; whether there was one.
fn post(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, code: u32) -> bool {
    let key = keys::position(at.id, at.interval, code);
    let Some(position) = ctx.state.read(key) else { return false };
    if position.is_idle() {
        ctx.state.remove(key);
        return false;
    }
    let Some(account) = ctx.state.read(keys::member_index(at.id, code)) else { return false };
    let charges = match at.terms.clearing {
        ClearingRule::MidMarket => mid_market(at, record, &position),
        ClearingRule::Tariff | ClearingRule::PayAsBid | ClearingRule::Uniform => at_tariff(at, &position),
    };
    // The operator settles with itself what it settles with itself.
    let own = |amount: Amount| if code == OPERATOR { Amount::ZERO } else { amount };
    let before = tab::balance(ctx, at.grid, code);
    for (from, to, amount) in [
        (code, CLEARING, charges.debit_clearing),
        (code, OPERATOR, charges.debit_operator),
        (CLEARING, code, charges.credit_clearing),
        (OPERATOR, code, charges.credit_operator),
    ] {
        move_between(ctx, at, from, to, amount);
    }
    let Position { import_wh, export_wh, bought_wh, sold_wh, estimated, .. } = position;
    let debit = charges.debit_clearing.saturating_add(own(charges.debit_operator));
    let credit = charges.credit_clearing.saturating_add(own(charges.credit_operator));
    let (microgrid, interval) = (*at.id, at.interval);
    ctx.emit(EnergyEvent::EnergySettled {
        microgrid,
        interval,
        account,
        import_wh,
        export_wh,
        bought_wh,
        sold_wh,
        estimated,
        debit,
        credit,
    });
    lines::count(ctx, at, account, code, &position, debit);
    record.accounts = record.accounts.saturating_add(1);
    let shares = at.terms.losses == LossRule::ProRata && record.feeders.meters > 0;
    if !shares || import_wh == WattHours::ZERO {
        ctx.state.remove(key); // nothing will be shared by it
    } else if position.exposed.max(position.escrow) > Amount::ZERO {
        ctx.state.write(key, &Position { exposed: Amount::ZERO, escrow: Amount::ZERO, ..position });
    }
    cover(ctx, at, account, &position);
    collect(ctx, at, account, code, before);
    true
}

fn at_tariff(at: &At<'_>, position: &Position) -> Charges {
    let (demand, supply) = net(position);
    Charges {
        debit_operator: cost(at.prices.import, WattHours(demand)),
        credit_operator: cost(at.prices.export, WattHours(supply)),
        ..Charges::default()
    }
}

/// Energy that demand and supply have in common changes hands half-way between the tariff's prices; what one side has
/// more than the other comes from or goes to the grid. Each side bears both in proportion. An estimate is bought from
/// the grid: nobody sells what perhaps nobody uses.
fn mid_market(at: &At<'_>, record: &mut Interval, position: &Position) -> Charges {
    let (demand, supply) = (record.demand_wh, record.supply_wh);
    let estimate = cost(at.prices.import, position.estimate_wh);
    let inside = cost(at.prices.middle(), demand.min(supply)).0;
    let bought = cost(at.prices.import, demand.saturating_sub(supply)).0;
    let sold = cost(at.prices.export, supply.saturating_sub(demand)).0;
    let (needs, spares) = net(&position.measured());
    let [demand_done, supply_done] = record.done;
    record.done =
        [demand_done.saturating_add(WattHours(needs)), supply_done.saturating_add(WattHours(spares))];
    let [demand_now, supply_now] = record.done;
    let of_demand = |total: u128| Amount(share(total, demand_done.0, demand_now.0, demand.0));
    let of_supply = |total: u128| Amount(share(total, supply_done.0, supply_now.0, supply.0));
    Charges {
        debit_clearing: of_demand(inside),
        debit_operator: of_demand(bought).saturating_add(estimate),
        credit_clearing: of_supply(inside),
        credit_operator: of_supply(sold),
    }
}

/// Charges one tab for another's benefit. It fails only when counters of 128 bits are used up, which takes more than
/// all the energy there is at the highest price; the line is then left out rather than the chain stopped.
pub(super) fn move_between(ctx: &mut Ctx<'_>, at: &At<'_>, from: u32, to: u32, amount: Amount) {
    let before = ctx.savepoint();
    if tab::charge(ctx, at.grid, from, to, amount).is_err() {
        ctx.rollback(before);
    }
}

/// Frees the money that was kept back for energy a member sold, now that it is settled. Notes as well how much energy
/// was not charged for, in an interval that is estimated, since it went against export or bought energy.
fn cover(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address, position: &Position) {
    tab::free(ctx, at.id, position);
    let key = keys::member(at.id, &account);
    let position = if at.terms.clearing == ClearingRule::MidMarket { position.measured() } else { *position };
    let against = position.export_wh.saturating_add(position.bought_wh).min(position.import_wh);
    let offset = if position.estimated { against } else { WattHours::ZERO };
    if position.exposed == Amount::ZERO && offset == WattHours::ZERO {
        return;
    }
    if let Some(mut member) = ctx.state.read(key) {
        member.exposed = member.exposed.saturating_sub(position.exposed);
        if member.estimated > Amount::ZERO {
            member.offset = member.offset.saturating_add(offset);
        }
        ctx.state.write(key, &member);
    }
}

/// Takes what a member owes from its wallet, as far as there is money, and says when it begins to owe too much.
pub(super) fn collect(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address, code: u32, before: Tab) {
    match tab::balance(ctx, at.grid, code) {
        Tab::Owes(_) => {}
        Tab::Even | Tab::Due(_) => return,
    }
    let key = keys::member(at.id, &account);
    let counted = |ctx: &mut Ctx<'_>, tab: Tab| match (tab, ctx.state.read(key)) {
        (Tab::Owes(owed), Some(member)) => owed.saturating_sub(member.unpaid_estimates()),
        (Tab::Owes(_), None) | (Tab::Even | Tab::Due(_), _) => Amount::ZERO,
    };
    let was = counted(ctx, before);
    pay_tab(ctx, at, account);
    let tab = tab::balance(ctx, at.grid, code);
    let owed = counted(ctx, tab);
    let Some(member) = ctx.state.read(key) else { return };
    let limit = member.credit_limit.unwrap_or(at.terms.credit_limit);
    if owed > limit && was <= limit && code != OPERATOR {
        ctx.emit(EnergyEvent::CreditExceeded { microgrid: *at.id, account, owed, limit });
    }
}

fn pay(ctx: &mut Ctx<'_>, at: &At<'_>, code: u32) -> bool {
    if tab::balance(ctx, at.grid, code) == Tab::Even {
        return false;
    }
    let Some(account) = ctx.state.read(keys::member_index(at.id, code)) else { return false };
    pay_tab(ctx, at, account)
}

fn pay_tab(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address) -> bool {
    let before = ctx.savepoint();
    let paid = tab::pay(ctx, at.id, at.grid, account, tab::By::Settlement);
    if paid.is_err() {
        ctx.rollback(before); // as in `move_between`
    }
    paid.is_ok_and(|amount| amount > Amount::ZERO)
}
