//! Who pays for a microgrid's work: it is metered like a transaction of its operator.
//!
//! Work that recurs is paid as it recurs, before it is done: its weight at the price of weight, from the microgrid's
//! own wallet, to which anybody may transfer, then from its operator's. The same weight is drawn from the operator's
//! bandwidth, also where weight costs nothing. Of its bucket such work has one half at most: the other is for what the
//! operator sends.
//!
//! While the bucket is full the work waits, all microgrids of one operator in a line: each has a turn, so far behind
//! the last that the bucket has leaked a step of work and the look it takes by then. So however many look, what leaks
//! is more than what looking draws.
//!
//! While there is no money the microgrid is paused: it stands in no queue, so it costs the chain nothing more, until
//! somebody pays and resumes it. Anybody but its operator does so at the cost of the microgrid's own wallet alone.

use super::records::{Agenda, Microgrid, Pause};
use super::{lines, schedule, settle};
use crate::keys;
use crate::modules::identity::records::Account;
use crate::modules::ledger::posting::FEES;
use crate::modules::ledger::{self, wallet};
use crate::modules::{Ctx, weights};
use wattle_primitives::bucket::BucketSize;
use wattle_primitives::event::{EnergyEvent, LedgerEvent};
use wattle_primitives::genesis::Params;
use wattle_primitives::{Address, Amount, AssetId, Hash, Reason, TimeMs, Weight, planted};

/// Keys that a waking microgrid touches: its record, its old and new place in the queue, the first look at three
/// versions of its terms, at a quarter of a key's cost for each that is only read; and who pays: two wallets, the fees,
/// the operator's account and its last turn.
pub(crate) const WAKE_KEYS: u64 = 3 + 3 * (1 + super::TERMS_KEYS) + 5;
/// Keys of the heaviest single step of work, a member's lines where a month begins, with looking for it.
pub(crate) const STEP_KEYS: u64 = lines::MONTH_KEYS + settle::POST_KEYS + settle::FREE_KEYS + 1;
/// Weight without which nothing is begun.
const LEAST: Weight = weights::keys(WAKE_KEYS + STEP_KEYS);
/// Weight that leaks between two turns: a step of work, with the look that found the bucket full before.
const TURN: Weight = weights::keys(2 * WAKE_KEYS + STEP_KEYS);
/// Part of its operator's bucket that a microgrid's work may fill.
const BUCKET_PART: u64 = 2;
/// Milliseconds of a second, in which a bucket leaks its rate.
const MS_PER_S: u64 = 1000;

/// Means of a microgrid for its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// So much, a step beyond it included.
    Work(Weight),
    /// Nothing until the operator's bucket has leaked.
    Wait,
    /// Nothing until somebody pays.
    Unpaid,
}

/// Payments in advance, base units.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paid {
    by_microgrid: Amount,
    by_operator: Amount,
}

/// Least that a microgrid must be able to pay so that its work goes on, native base units.
#[must_use]
pub fn least_price(params: &Params) -> Amount {
    price(params, LEAST)
}

fn price(params: &Params, weight: Weight) -> Amount {
    Amount(params.weight_price.0.saturating_mul(u128::from(weight.0)))
}

/// The part of the operator's bucket that is for due work.
fn bucket(params: &Params) -> BucketSize {
    let whole = params.bandwidth();
    BucketSize { capacity: Weight(whole.capacity.0 / BUCKET_PART), ..whole }
}

/// Free money for a microgrid's work in its own wallet and in its operator's, native base units.
fn funds(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid) -> [Amount; 2] {
    let own = ledger::available(&mut ctx.state, Address::of_microgrid(id), AssetId::NATIVE);
    if grid.pause.is_some_and(|pause| pause.own_wallet) && !planted!("resumed-at-operators-cost") {
        return [own, Amount::ZERO];
    }
    [own, ledger::available(&mut ctx.state, grid.operator, AssetId::NATIVE)]
}

/// Whether there is money for work.
pub(super) fn is_payable(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid) -> bool {
    let [own, operators] = funds(ctx, id, grid);
    own.saturating_add(operators) >= least_price(&ctx.env().params)
}

/// A planted fault.
fn for_nothing() -> bool {
    planted!("due-work-unpaid")
}

/// Means of a microgrid for its work now, `room` at most.
pub(crate) fn means(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, agenda: &Agenda, room: Weight) -> Means {
    if !is_payable(ctx, id, grid) && !for_nothing() {
        return Means::Unpaid;
    }
    let ahead = !agenda.waits && turn(ctx, grid) > ctx.time_ms();
    if ahead || wait(ctx, grid) > TimeMs::ZERO {
        return Means::Wait;
    }
    let params = &ctx.env().params;
    let [own, operators] = funds(ctx, id, grid);
    let whole = own.saturating_add(operators).0.checked_div(params.weight_price.0);
    let payable = whole.map_or(u64::MAX, |weight| u64::try_from(weight).unwrap_or(u64::MAX));
    let account = ctx.state.read::<Account>(keys::account(&grid.operator)).unwrap_or_default();
    let drawable = account.bucket.room(bucket(params), ctx.time_ms());
    let step = weights::keys(STEP_KEYS);
    Means::Work(Weight(payable).min(drawable.max(LEAST)).min(room.saturating_add(step)).max(LEAST))
}

/// Up to where new steps may be begun within `most`: the last may pass it, and is paid for as well.
pub(crate) const fn before_last_step(most: Weight) -> Weight {
    most.saturating_sub(weights::keys(STEP_KEYS))
}

/// How long the operator's bucket takes, ms, until there is room for work.
fn wait(ctx: &mut Ctx<'_>, grid: &Microgrid) -> TimeMs {
    let account = ctx.state.read::<Account>(keys::account(&grid.operator)).unwrap_or_default();
    let size = bucket(&ctx.env().params);
    account.bucket.wait(size, ctx.time_ms(), LEAST.min(size.capacity))
}

/// Pays for `weight` in advance, of which there is enough: see [`means`].
pub(crate) fn pay(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, weight: Weight) -> Result<Paid, Reason> {
    if for_nothing() {
        return Ok(Paid::default());
    }
    let amount = price(&ctx.env().params, weight);
    let [own, _] = funds(ctx, id, grid);
    let by_microgrid = amount.min(own);
    let paid = Paid { by_microgrid, by_operator: amount.saturating_sub(by_microgrid) };
    for (payer, amount) in [(Address::of_microgrid(id), paid.by_microgrid), (grid.operator, paid.by_operator)]
    {
        if amount > Amount::ZERO {
            ledger::post(ctx, wallet(payer), FEES, AssetId::NATIVE, amount)?;
        }
    }
    Ok(paid)
}

/// Gives back what was paid for more than `used`, to the operator first, and draws `used` from the operator's bucket.
pub(crate) fn account(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    paid: Paid,
    used: Weight,
) -> Result<(), Reason> {
    let amount = price(&ctx.env().params, used);
    let by_microgrid = paid.by_microgrid.min(amount);
    let by_operator = paid.by_operator.min(amount.saturating_sub(by_microgrid));
    for (payer, paid, kept) in [
        (Address::of_microgrid(id), paid.by_microgrid, by_microgrid),
        (grid.operator, paid.by_operator, by_operator),
    ] {
        let back = paid.saturating_sub(kept);
        if back > Amount::ZERO {
            ledger::post(ctx, FEES, wallet(payer), AssetId::NATIVE, back)?;
        }
        if kept > Amount::ZERO {
            ctx.emit(LedgerEvent::FeeCharged { payer, amount: kept });
        }
    }
    let key = keys::account(&grid.operator);
    let mut account = ctx.state.read::<Account>(key).ok_or(Reason::UnknownAccount)?;
    account.bucket.owe(ctx.env().params.bandwidth(), ctx.time_ms(), used);
    ctx.state.write(key, &account);
    Ok(())
}

/// The last turn given to a microgrid of the operator.
fn turn(ctx: &mut Ctx<'_>, grid: &Microgrid) -> TimeMs {
    ctx.state.read(keys::turn(&grid.operator)).unwrap_or_default()
}

/// Has the work wait until the operator's bucket has leaked, behind what waits already. The caller writes `grid`.
pub(crate) fn postpone(ctx: &mut Ctx<'_>, id: &Hash, grid: &mut Microgrid, agenda: Agenda) {
    let soonest = ctx.time_ms().saturating_add(wait(ctx, grid).max(TimeMs(1)));
    let rate = ctx.env().params.bandwidth().rate.0.max(1);
    let apart = TimeMs(TURN.0.saturating_mul(MS_PER_S).div_ceil(rate));
    let behind = turn(ctx, grid).saturating_add(apart);
    let at = if behind <= soonest || planted!("no-turns") { soonest } else { behind };
    ctx.state.write(keys::turn(&grid.operator), &at);
    schedule::enqueue_at(ctx, id, grid, Agenda { waits: true, ..agenda }, at);
}

/// Pauses a microgrid that nobody pays for. The caller writes `grid`.
pub(crate) fn pause(ctx: &mut Ctx<'_>, id: &Hash, grid: &mut Microgrid, agenda: Agenda) {
    // Until work has caught up with the pause before, the two are one.
    let before =
        grid.pause.filter(|pause| pause.until_ms.is_some_and(|until| grid.start(agenda.settle) < until));
    let since_ms = before.map_or(ctx.time_ms(), |pause| pause.since_ms);
    grid.pause = Some(Pause { since_ms, until_ms: None, own_wallet: false });
    grid.agenda = Some(Agenda { due_ms: TimeMs::MAX, waits: false, ..agenda });
    let needed = least_price(&ctx.env().params);
    ctx.emit(EnergyEvent::MicrogridPaused { microgrid: *id, operator: grid.operator, needed });
}

/// Refuses what needs a microgrid at work.
pub(crate) const fn running(grid: &Microgrid) -> Result<(), Reason> {
    if grid.is_paused() { Err(Reason::MicrogridPaused) } else { Ok(()) }
}
