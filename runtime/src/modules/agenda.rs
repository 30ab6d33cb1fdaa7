//! Work of a microgrid when it is due: the one place that calls both energy and market.
//!
//! Due work runs within a budget; a step that does not fit leaves its cursor in the interval's record and goes on in
//! the next block.

pub(super) use super::energy::DUE_SHARE as MICROGRIDS_SHARE;
pub(super) use super::energy::schedule::note_retry;
pub(super) use super::market::{DUE_SHARE as ORDERS_SHARE, expire as expire_order};

use super::energy::schedule::{self, Work};
use super::energy::upkeep::{self, Means};
use super::energy::work::{At, Budget};
use super::energy::{finish, settle};
use super::{Ctx, market, weights};
use crate::keys;
use crate::modules::energy::records::{Agenda, Microgrid, TermsRecord};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, Reason, TimeMs, Weight, planted};

/// Keys that finding the next work takes, but for the first.
const LOOK_KEYS: u64 = 3;

/// Goes on with a microgrid's work that is due, within `room` and what is paid for, and puts it back into the queue.
pub(crate) fn advance(ctx: &mut Ctx<'_>, id: &Hash, room: Weight) -> (Weight, Result<(), Reason>) {
    let wake = weights::keys(upkeep::WAKE_KEYS);
    let found = ctx.state.read(keys::microgrid(id));
    let Some((mut grid, agenda)) = found.and_then(|grid| grid.agenda.map(|agenda| (grid, agenda))) else {
        return (wake, Ok(()));
    };
    let mut budget = Budget { max: room, billed_max: room, used: wake, prepaid: Weight::ZERO };
    let done = match upkeep::means(ctx, id, &grid, &agenda, room) {
        Means::Unpaid => {
            upkeep::pause(ctx, id, &mut grid, agenda);
            Ok(())
        }
        // Looking whether it may costs something too, or many microgrids of one operator would look for nothing.
        Means::Wait => upkeep::pay(ctx, id, &grid, wake)
            .and_then(|paid| upkeep::account(ctx, id, &grid, paid, wake))
            .map(|()| upkeep::postpone(ctx, id, &mut grid, agenda)),
        Means::Work(most) => {
            budget.billed_max = upkeep::before_last_step(most);
            upkeep::pay(ctx, id, &grid, most).and_then(|paid| {
                work(ctx, id, &mut grid, agenda, &mut budget);
                upkeep::account(ctx, id, &grid, paid, budget.billed())
            })
        }
    };
    ctx.state.write(keys::microgrid(id), &grid);
    (budget.used, done)
}

/// Does what is due within `budget`.
fn work(ctx: &mut Ctx<'_>, id: &Hash, grid: &mut Microgrid, mut agenda: Agenda, budget: &mut Budget) {
    while let Some((due_ms, work, interval, record)) = schedule::next(ctx, id, grid, &agenda) {
        budget.keys(LOOK_KEYS);
        if due_ms > ctx.time_ms() || !run(ctx, id, grid, work, interval, &record, budget) {
            break;
        }
        match work {
            Work::Clear => agenda.clear = agenda.clear.next(),
            Work::Settle => {
                agenda.settle = agenda.settle.next();
                grid.month = grid.month.max(record.terms.month(grid.start(interval)));
            }
            Work::Finalize => agenda.finalize = agenda.finalize.next(),
        }
        if budget.is_spent() {
            break;
        }
    }
    schedule::enqueue(ctx, id, grid, agenda);
}

/// Does one kind of work for one interval; whether it is done with it.
fn run(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    work: Work,
    interval: IntervalId,
    record: &TermsRecord,
    budget: &mut Budget,
) -> bool {
    let (start, end, terms) = (grid.start(interval), grid.end(interval), &record.terms);
    let mut prices = terms.prices(start, end);
    let at_start = || terms.prices(start, start.saturating_add(TimeMs(1)));
    if planted!("tariff-at-start", at_start() != prices) {
        prices = at_start();
    }
    let at = At { id, grid, interval, terms, terms_ms: record.set_ms, prices };
    match work {
        Work::Clear => market::clear(ctx, &at, budget),
        Work::Settle => settle::settle(ctx, &at, budget),
        Work::Finalize => finish::finalize(ctx, &at, budget),
    }
}
