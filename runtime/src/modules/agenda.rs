//! Work of a microgrid when it is due: the one place that calls both energy and market.
//!
//! Due work runs within a budget; a step that does not fit leaves its cursor in the interval's record and goes on in
//! the next block.

use super::energy::TERMS_KEYS;
use super::energy::schedule::{self, Work};
use super::energy::work::{At, Budget};
use super::energy::{finish, settle};
use super::{Ctx, market, weights};
use crate::keys;
use crate::modules::energy::records::Microgrid;
use wattle_primitives::call::energy::Terms;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, TimeMs, Weight, planted};

/// Keys of a microgrid that wakes up: its record, its old and new place in the queue, and the first look at three
/// versions of its terms, at a quarter of a key's cost for each that is only read.
const WAKE_KEYS: u64 = 3 + 3 * (1 + TERMS_KEYS);
/// Keys that finding the next work takes from then on.
const LOOK_KEYS: u64 = 3;

/// Goes on with a microgrid's work that is due, within `budget`, and puts it back into the queue.
pub(crate) fn advance(ctx: &mut Ctx<'_>, id: &Hash, budget: Weight) -> Weight {
    let mut budget = Budget { max: budget, used: weights::keys(WAKE_KEYS) };
    let Some(mut grid) = ctx.state.read(keys::microgrid(id)) else { return budget.used };
    let Some(mut agenda) = grid.agenda else { return budget.used };
    while let Some((due_ms, work, interval, terms)) = schedule::next(ctx, id, &grid, &agenda) {
        budget.keys(LOOK_KEYS);
        if due_ms > ctx.time_ms() || !run(ctx, id, &grid, work, interval, &terms, &mut budget) {
            break;
        }
        match work {
            Work::Clear => agenda.clear = agenda.clear.next(),
            Work::Settle => agenda.settle = agenda.settle.next(),
            Work::Finalize => agenda.finalize = agenda.finalize.next(),
        }
        if budget.is_spent() {
            break;
        }
    }
    schedule::enqueue(ctx, id, &mut grid, agenda);
    ctx.state.write(keys::microgrid(id), &grid);
    budget.used
}

/// Does one kind of work for one interval; whether it is done with it.
fn run(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    work: Work,
    interval: IntervalId,
    terms: &Terms,
    budget: &mut Budget,
) -> bool {
    let (start, end) = (grid.start(interval), grid.end(interval));
    let mut prices = terms.prices(start, end);
    let at_start = || terms.prices(start, start.saturating_add(TimeMs(1)));
    if planted!("tariff-at-start", at_start() != prices) {
        prices = at_start();
    }
    let at = At { id, grid, interval, terms, prices };
    match work {
        Work::Clear => market::clear(ctx, &at, budget),
        Work::Settle => settle::settle(ctx, &at, budget),
        Work::Finalize => finish::finalize(ctx, &at, budget),
    }
}
