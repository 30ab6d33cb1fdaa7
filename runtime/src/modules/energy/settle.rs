//! Settling an interval provisionally: meters are summed up by member, then members are charged, and cash is shared
//! out.
//!
//! A meter that has not reported to the end of the interval is estimated: the rest of its import by what it used at
//! that time of earlier days, of its export nothing. Where it was silent in a pause of the microgrid, estimates end
//! until it reports again. They end for good after [`readings::KEPT_MS`]: then the meter is suspended, and only
//! somebody who goes there ends that. What a member used beyond what it bought, or delivered beyond what it sold,
//! settles with the operator at the tariff, or under mid-market rates with the other members first.
//!
//! Then what members owe is collected, and what they are owed summed up; the cash that is there at that moment is the
//! pot. It is paid out over as many blocks as it takes: all in full where it suffices, and then the operator from what
//! is left; else in proportion to what each was owed, and nothing to the operator. What is rounded off stays in cash.
//! Whatever happens meanwhile, no member gets more than that part, its claim of the moment, or the cash there is.
//!
//! Nothing here can fail: tabs have no limit, and only what a wallet has is taken from it, within its owner's mandate.

use super::collect::{PAY_KEYS, collect, pay_tab};
use super::exact::{proportion, share};
use super::lines;
use super::prices::{carried, exact};
use super::records::{
    Carry, Interval, LastReading, Measured, Meter, Position, SettledMeter, Silence, Slice, Step,
};
use super::tab::{self, CLEARING, OPERATOR, Tab};
use super::work::{At, Budget};
use super::{TERMS_KEYS, readings};
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::call::energy::{ClearingRule, LossRule};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::MeterRole;
use wattle_primitives::state_key::estimates_of;
use wattle_primitives::{Address, Amount, TimeMs, WattHours, planted};

/// Keys of measuring one meter: list entry, meter, how far it is settled, slice, member, position; tab and estimates
/// with their records.
const MEASURE_KEYS: u64 = 10;
/// Keys of a member without anything to do.
const IDLE_KEYS: u64 = 2;
/// Keys of what a member owes or is owed: tab, estimates, escrow.
const BALANCE_KEYS: u64 = 3;
/// Keys of a member who is owed something, or owes it and does not pay: that, list entry, member, wallet, mandate. Who
/// owes has the newest terms looked up as well.
const UNPAID_KEYS: u64 = BALANCE_KEYS + 4;
/// Keys of posting a member's line: position, list entry, member, estimates, two tabs and the clearing account with
/// their records, and what paying takes.
pub(super) const POST_KEYS: u64 = 10 + PAY_KEYS;
/// Keys of bringing the clearing account to nothing: that, estimates and escrow that its code would have, and the
/// operator's tab; both accounts' records.
const EVEN_KEYS: u64 = BALANCE_KEYS + 3;
/// Keys of bringing a member's escrow to its tab: the account with its record, the sum.
pub(super) const FREE_KEYS: u64 = 3;

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
            budget.keys(post(ctx, at, record, next));
            Step::Post { next: next.saturating_add(1) }
        }
        Step::Post { .. } => {
            if at.terms.clearing == ClearingRule::MidMarket {
                even_out(ctx, at);
                budget.keys(EVEN_KEYS);
            }
            Step::Claim { next: OPERATOR }
        }
        Step::Claim { next } if next <= at.grid.members => {
            budget.keys(claim(ctx, at, record, next));
            Step::Claim { next: next.saturating_add(1) }
        }
        Step::Claim { .. } => {
            record.pot = tab::free_cash(ctx, at.id, at.grid);
            budget.keys(IDLE_KEYS); // what came in, and escrow
            Step::Pay { next: OPERATOR.saturating_add(1) }
        }
        // The operator comes last: what there is goes to members first.
        Step::Pay { next } if record.pot > Amount::ZERO && next <= at.grid.members.saturating_add(1) => {
            budget.keys(pay(ctx, at, record, if next <= at.grid.members { next } else { OPERATOR }));
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
    /// Measured import beyond what can flow through the meter in an interval.
    beyond_wh: WattHours,
}

fn measure(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, index: u32) {
    let Some(address) = ctx.state.read(keys::meter_index(at.id, index)) else { return };
    let Some(mut meter) = ctx.state.read(keys::meter(&address)) else { return };
    let key = keys::settled_meter(&address);
    let first = SettledMeter { until: at.interval, ..SettledMeter::default() };
    let mut settled = ctx.state.read(key).unwrap_or(first);
    if settled.until > at.interval {
        return; // it took the place of one that was measured already
    }
    let left = settled.is_coarse(at.interval) || ctx.state.contains(keys::slice(&address, at.interval));
    if meter.closed().is_some() && !left {
        return; // nothing of it is left to be measured
    }
    settled.until = at.interval.next();
    let sums = match meter.role {
        MeterRole::Sub => &mut record.subs,
        MeterRole::Feeder => &mut record.feeders,
    };
    if let Some(last) = meter.last {
        let part = part(ctx, at, &address, &meter, &last, &mut settled);
        add(sums, &part);
        if meter.role == MeterRole::Sub {
            let before = settled.handed.filter(|handed| at.interval < handed.interval);
            let owner = before.map_or(meter.owner, |handed| handed.from);
            book(ctx, at, owner, &part, &mut settled);
            if is_lost(at, ctx.time_ms(), &last, &settled) {
                suspend(ctx, at, &address, &mut meter, &mut settled);
            }
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
    let coarse = settled.is_coarse(at.interval);
    let Slice { import_wh, export_wh, beyond_wh } = slice.unwrap_or_default();
    let (start, end) = (at.grid.start(at.interval), at.grid.end(at.interval));
    if last.effective_ms >= end || meter.closed().is_some() {
        let of_owner = settled.handed.is_none_or(|handed| handed.interval < at.interval);
        let whole = meter.registered_ms < end && of_owner;
        if !coarse && !last.manual && whole && meter.role == MeterRole::Sub {
            settled.profile.learn(start, end, import_wh);
        }
        return Part { import_wh, export_wh, estimate: coarse.then_some(WattHours::ZERO), beyond_wh };
    }
    let since_ms = last.effective_ms.max(start);
    let first = Silence { since_ms, until_ms: None, amount: Amount::ZERO, rest: 0 };
    let silence = settled.silence.get_or_insert(first);
    if let Some(paused_ms) = at.grid.paused_from(start.max(silence.since_ms), end) {
        silence.until_ms.get_or_insert(paused_ms.max(silence.since_ms));
    }
    let estimate = WattHours(settled.estimated(start, end, at.grid.interval_ms));
    let guessed = estimate > WattHours::ZERO && planted!("silent-export-estimated");
    let export_wh = if guessed { export_wh.saturating_add(estimate) } else { export_wh };
    let import_wh = import_wh.saturating_add(estimate);
    Part { import_wh, export_wh, estimate: Some(estimate), beyond_wh }
}

/// Whether a meter has been silent for so long that its light node keeps no more. Not in pauses, nor while settlement
/// is behind by more than a day: nobody may have been there to take what it sends.
fn is_lost(at: &At<'_>, now: TimeMs, last: &LastReading, settled: &SettledMeter) -> bool {
    let end = at.grid.end(at.interval);
    let resumed = at.grid.pause.and_then(|pause| pause.until_ms).unwrap_or(TimeMs::ZERO);
    let silent_ms = end.saturating_sub(last.effective_ms.max(last.block_time_ms).max(resumed));
    let on_time = now.saturating_sub(end) <= at.terms.grace_ms.saturating_add(TimeMs(super::DAY_MS));
    settled.silence.is_some() && silent_ms.0 >= readings::KEPT_MS && on_time
}

/// Ends a meter's estimates: its owner trades no more until somebody has read it.
fn suspend(ctx: &mut Ctx<'_>, at: &At<'_>, address: &Address, meter: &mut Meter, settled: &mut SettledMeter) {
    if meter.suspended_ms.is_some() {
        return;
    }
    let (end, owner) = (at.grid.end(at.interval), meter.owner);
    if let Some(silence) = settled.silence.as_mut().filter(|_| !planted!("suspended-still-estimated")) {
        silence.until_ms.get_or_insert(end);
    }
    meter.suspended_ms = Some(end);
    ctx.state.write(keys::meter(address), meter);
    let key = keys::member(at.id, &owner);
    if let Some(mut member) = ctx.state.read(key) {
        member.suspended = member.suspended.saturating_add(1);
        ctx.state.write(key, &member);
    }
    ctx.emit(EnergyEvent::MeterSuspended { microgrid: *at.id, meter: *address, owner });
}

fn add(sums: &mut Measured, part: &Part) {
    sums.meters = sums.meters.saturating_add(1);
    sums.estimated = sums.estimated.saturating_add(u32::from(part.estimate.is_some()));
    sums.import_wh = sums.import_wh.saturating_add(part.import_wh);
    sums.export_wh = sums.export_wh.saturating_add(part.export_wh);
}

/// Books a meter's part to its owner's position.
fn book(ctx: &mut Ctx<'_>, at: &At<'_>, owner: Address, part: &Part, settled: &mut SettledMeter) {
    let Some(member) = ctx.state.read(keys::member(at.id, &owner)) else { return };
    let key = keys::position(at.id, at.interval, member.code);
    let mut position = ctx.state.read(key).unwrap_or_default();
    position.import_wh = position.import_wh.saturating_add(part.import_wh);
    position.export_wh = position.export_wh.saturating_add(part.export_wh);
    position.estimate_wh = position.estimate_wh.saturating_add(part.estimate.unwrap_or_default());
    position.beyond_wh = position.beyond_wh.saturating_add(part.beyond_wh);
    let start = at.grid.start(at.interval);
    let silent = settled.silence.is_some_and(|silence| silence.until_ms.is_none_or(|end| end > start));
    position.estimated |= part.estimate.is_some() && (silent || !position.is_idle());
    if let Some((estimate, silence)) = part.estimate.zip(settled.silence.as_mut()) {
        let amount = carried(exact(at.prices.import, estimate), &mut silence.rest);
        if move_between(ctx, at, estimates_of(member.code), member.code, amount) {
            silence.amount = silence.amount.saturating_add(amount);
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

/// Posts a member's line, if it has one. Returns how many keys that touched.
fn post(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, code: u32) -> u64 {
    let key = keys::position(at.id, at.interval, code);
    let Some(position) = ctx.state.read(key) else { return IDLE_KEYS };
    if position.is_idle() {
        ctx.state.remove(key);
        return IDLE_KEYS;
    }
    let Some(account) = ctx.state.read(keys::member_index(at.id, code)) else { return IDLE_KEYS };
    let member_key = keys::member(at.id, &account);
    let Some(mut member) = ctx.state.read(member_key) else { return IDLE_KEYS };
    let carry = &mut member.carry;
    let charges = match at.terms.clearing {
        ClearingRule::MidMarket => mid_market(at, record, &position, carry),
        ClearingRule::Tariff | ClearingRule::PayAsBid | ClearingRule::Uniform => {
            at_tariff(at, &position, carry)
        }
    };
    member.traded = member.traded.saturating_add(charges.debit_clearing);
    ctx.state.write(member_key, &member);
    // The operator settles with itself what it settles with itself.
    let own = |amount: Amount| if code == OPERATOR { Amount::ZERO } else { amount };
    let before = tab::receivable(ctx, at.grid, code);
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
    end_position(ctx, at, account, code, &position);
    collect(ctx, at, account, code, before);
    if position.escrow > Amount::ZERO { POST_KEYS.saturating_add(FREE_KEYS) } else { POST_KEYS }
}

fn at_tariff(at: &At<'_>, position: &Position, carry: &mut Carry) -> Charges {
    let (demand, supply) = net(position);
    Charges {
        debit_operator: carried(exact(at.prices.import, WattHours(demand)), &mut carry.debit),
        credit_operator: carried(exact(at.prices.export, WattHours(supply)), &mut carry.credit),
        ..Charges::default()
    }
}

/// Energy that demand and supply have in common changes hands half-way between the tariff's prices; what one side has
/// more than the other comes from or goes to the grid. Each side bears both in proportion, to the thousandth of a base
/// unit; see [`even_out`]. An estimate is bought from the grid: nobody sells what perhaps nobody uses.
fn mid_market(at: &At<'_>, record: &mut Interval, position: &Position, carry: &mut Carry) -> Charges {
    let (demand, supply) = (record.demand_wh, record.supply_wh);
    let estimate = carried(exact(at.prices.import, position.estimate_wh), &mut carry.debit);
    let inside = exact(at.prices.middle(), demand.min(supply));
    let bought = exact(at.prices.import, demand.saturating_sub(supply));
    let sold = exact(at.prices.export, supply.saturating_sub(demand));
    let (needs, spares) = net(&position.measured());
    let [demand_done, supply_done] = record.done;
    record.done =
        [demand_done.saturating_add(WattHours(needs)), supply_done.saturating_add(WattHours(spares))];
    let [demand_now, supply_now] = record.done;
    let mut of_demand =
        |total| carried(share(total, demand_done.0, demand_now.0, demand.0), &mut carry.debit);
    let mut of_supply =
        |total| carried(share(total, supply_done.0, supply_now.0, supply.0), &mut carry.credit);
    Charges {
        debit_clearing: of_demand(inside),
        debit_operator: of_demand(bought).saturating_add(estimate),
        credit_clearing: of_supply(inside),
        credit_operator: of_supply(sold),
    }
}

/// Has the operator bear what buyers at mid-market rates were charged more, or less, than sellers were credited: the
/// fractions that they carry, so that it is less than a base unit for each of them, however many intervals there were.
fn even_out(ctx: &mut Ctx<'_>, at: &At<'_>) {
    let (from, to, amount) = match tab::balance(ctx, at.grid, CLEARING) {
        Tab::Even => return,
        Tab::Owes(short) => (OPERATOR, CLEARING, short),
        Tab::Due(over) => (CLEARING, OPERATOR, over),
    };
    move_between(ctx, at, from, to, amount);
}

/// Charges one tab for another's benefit. It fails only when counters of 128 bits are used up, which takes more than
/// all the energy there is at the highest price; the line is then left out rather than the chain stopped. Whether it
/// was posted.
pub(super) fn move_between(ctx: &mut Ctx<'_>, at: &At<'_>, from: u32, to: u32, amount: Amount) -> bool {
    ctx.attempt(|ctx| tab::charge(ctx, at.grid, from, to, amount)).is_some()
}

/// Ends what a position stood for, now that it is settled: what its member has in escrow for energy it sold comes to
/// its tab, and is paid out. Notes as well how much energy was not charged for, in an interval that is estimated, since
/// it went against export or bought energy.
fn end_position(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address, code: u32, position: &Position) {
    ctx.attempt(|ctx| tab::free(ctx, (at.id, at.grid), code, position)); // as in `move_between`
    let escrow = position.escrow;
    let key = keys::member(at.id, &account);
    let position = if at.terms.clearing == ClearingRule::MidMarket { position.measured() } else { *position };
    let against = position.export_wh.saturating_add(position.bought_wh).min(position.import_wh);
    let offset = if position.estimated { against } else { WattHours::ZERO };
    let changed = position.exposed > Amount::ZERO || offset > WattHours::ZERO;
    if let Some(mut member) = ctx.state.read(key).filter(|_| changed) {
        member.exposed = member.exposed.saturating_sub(position.exposed);
        if tab::estimates(ctx, at.grid, code) > Amount::ZERO {
            member.offset = member.offset.saturating_add(offset);
        }
        ctx.state.write(key, &member);
    }
    // It was paid to this member: no other claim shares in it. The operator is paid after the members.
    if escrow > Amount::ZERO && (code != OPERATOR || planted!("operators-escrow-first")) {
        ctx.attempt(|ctx| tab::pay_out(ctx, at.id, at.grid, account, escrow));
    }
}

/// Collects what a member owes, or notes and sums up what it is to be paid. Returns how many keys that touched.
fn claim(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, code: u32) -> u64 {
    let tab = tab::balance(ctx, at.grid, code);
    if tab == Tab::Even {
        return BALANCE_KEYS;
    }
    let Some(account) = ctx.state.read(keys::member_index(at.id, code)) else { return IDLE_KEYS };
    let Tab::Due(due) = tab else {
        let paid = pay_tab(ctx, at, account);
        return if paid {
            PAY_KEYS.saturating_add(IDLE_KEYS)
        } else {
            UNPAID_KEYS.saturating_add(TERMS_KEYS)
        };
    };
    let key = keys::member(at.id, &account);
    let Some(mut member) = ctx.state.read(key).filter(|_| code != OPERATOR) else { return UNPAID_KEYS };
    let escrow = tab::escrow(ctx, at.grid, code);
    record.dues = record.dues.saturating_add(due.saturating_sub(escrow));
    (member.claim, member.claimed) = (tab::payable_of(due, escrow, &member), at.interval);
    record.claims = record.claims.saturating_add(member.claim);
    ctx.state.write(key, &member);
    UNPAID_KEYS
}

/// Pays a member its part of the pot. Returns how many keys that touched.
fn pay(ctx: &mut Ctx<'_>, at: &At<'_>, record: &Interval, code: u32) -> u64 {
    let Some(account) = ctx.state.read(keys::member_index(at.id, code)) else { return IDLE_KEYS };
    let Some(member) = ctx.state.read(keys::member(at.id, &account)) else { return IDLE_KEYS };
    if code != OPERATOR && member.claimed != at.interval {
        return IDLE_KEYS; // it was owed nothing when claims were summed up
    }
    let (pot, claims) = (record.pot, record.claims);
    let claim =
        if planted!("claim-of-the-moment") { tab::payable(ctx, at.grid, &member) } else { member.claim };
    let part = if code == OPERATOR {
        pot.saturating_sub(claims).min(spare(ctx, at, record))
    } else if pot >= claims || planted!("first-come-first-paid") {
        claim
    } else {
        Amount(proportion(pot.0, claim.0, claims.0))
    };
    // As in `move_between`.
    ctx.attempt(|ctx| tab::pay_out(ctx, at.id, at.grid, account, part));
    PAY_KEYS.saturating_add(IDLE_KEYS)
}

/// Cash that is neither a member's, also where it is withheld for now, nor charged for taxes.
fn spare(ctx: &mut Ctx<'_>, at: &At<'_>, record: &Interval) -> Amount {
    let withheld = record.dues.saturating_sub(record.claims);
    if planted!("withheld-paid-to-operator", withheld > Amount::ZERO) {
        return Amount::MAX;
    }
    let taxes = tab::taxes(ctx, at.grid);
    let cash =
        if planted!("escrow-spared") { tab::cash(ctx, at.grid) } else { tab::free_cash(ctx, at.id, at.grid) };
    cash.saturating_sub(withheld).saturating_sub(taxes)
}
