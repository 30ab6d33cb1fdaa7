//! What a microgrid does when: clearing, settling and ending intervals, each kind in the order of time.
//!
//! A microgrid with terms stands in the queue exactly once, under the time of its next work. What is due runs within a
//! budget; a step that does not fit leaves its cursor in the interval's record and goes on in the next block. An interval
//! is settled only after it is cleared, and ends only after it is settled.

use super::records::{Agenda, Microgrid};
use super::{finish, market, settle, terms};
use crate::keys::{self, Key};
use crate::modules::records::Due;
use crate::modules::{Ctx, weights};
use wattle_primitives::call::energy::{Prices, Terms};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, TimeMs, Weight, planted};

/// Keys of a microgrid that wakes up: its record, its old and new place in the queue, and the first look at three versions
/// of its terms, at a quarter of a key's cost for each that is only read.
const WAKE_KEYS: u64 = 3 + 3 * (1 + super::TERMS_KEYS);
/// Keys that finding the next work takes from then on.
const LOOK_KEYS: u64 = 3;

/// Weight that may be used, and what has been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Upper bound; the step that passes it is the last.
    pub(super) max: Weight,
    /// Used so far.
    pub(super) used: Weight,
}

impl Budget {
    /// Notes that so many keys were touched.
    pub(super) fn keys(&mut self, keys: u64) {
        self.used = self.used.saturating_add(weights::keys(keys));
    }

    /// Whether nothing more should be begun.
    pub(super) fn is_spent(&self) -> bool {
        self.used >= self.max
    }
}

/// One interval of a microgrid at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    /// The microgrid.
    pub(super) id: &'a Hash,
    /// Its record.
    pub(super) grid: &'a Microgrid,
    /// The interval.
    pub(super) interval: IntervalId,
    /// Its terms.
    pub(super) terms: &'a Terms,
    /// Its prices.
    pub(super) prices: Prices,
}

/// A kind of work; of two that are due at one time, the earlier in this list comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Clear,
    Settle,
    Finalize,
}

/// The next work of a microgrid: when, what, for which interval, under which terms.
type Next = (TimeMs, Work, IntervalId, Terms);

/// Puts a microgrid with this agenda into the queue; with what is overdue, behind everything that is due by now, so that
/// its backlog does not hold up others. The caller writes `grid`.
pub(super) fn enqueue(ctx: &mut Ctx<'_>, id: &Hash, grid: &mut Microgrid, mut agenda: Agenda) {
    let next = next(ctx, id, grid, &agenda);
    // Every interval of the agenda has terms, so there is always something next.
    agenda.due_ms = next.map_or(TimeMs::MAX, |(due_ms, ..)| {
        let overdue = due_ms < ctx.time_ms() && !planted!("backlog-first");
        if overdue { ctx.time_ms() } else { due_ms }
    });
    ctx.state.write(keys::queue(agenda.due_ms, id), &Due::Microgrid(*id));
    grid.agenda = Some(agenda);
}

/// Goes on with a microgrid's work that is due, within `budget`, and puts it back into the queue.
pub(crate) fn advance(ctx: &mut Ctx<'_>, key: Key, id: &Hash, budget: Weight) -> Weight {
    ctx.state.remove(key);
    let mut budget = Budget { max: budget, used: weights::keys(WAKE_KEYS) };
    let Some(mut grid) = ctx.state.read::<Microgrid>(keys::microgrid(id)) else { return budget.used };
    let Some(mut agenda) = grid.agenda else { return budget.used };
    while let Some((due_ms, work, interval, terms)) = next(ctx, id, &grid, &agenda) {
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
    enqueue(ctx, id, &mut grid, agenda);
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
        Work::Clear => market::clear::clear(ctx, &at, budget),
        Work::Settle => settle::settle(ctx, &at, budget),
        Work::Finalize => finish::finalize(ctx, &at, budget),
    }
}

fn next(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, agenda: &Agenda) -> Option<Next> {
    let Agenda { clear, settle, finalize, .. } = *agenda;
    let mut all = [
        (Work::Clear, clear, true),
        (Work::Settle, settle, settle < clear),
        (Work::Finalize, finalize, finalize < settle),
    ]
    .into_iter()
    .filter(|(_, _, possible)| *possible)
    .map(|(work, interval, _)| {
        let terms = terms::at(ctx, id, grid, interval)?;
        let due_ms = match work {
            Work::Clear => TimeMs(grid.start(interval).0.saturating_sub(terms.gate_closure_ms.0)),
            Work::Settle => TimeMs(grid.end(interval).0.saturating_add(terms.grace_ms.0)),
            Work::Finalize => TimeMs(grid.end(interval).0.saturating_add(terms.late_window_ms.0)),
        };
        Some((due_ms, work, interval, terms))
    });
    let first = all.next()??;
    all.try_fold(first, |soonest, other| {
        let other = other?;
        Some(if (other.0, other.1) < (soonest.0, soonest.1) { other } else { soonest })
    })
}
