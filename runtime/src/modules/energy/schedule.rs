//! When a microgrid has something to do: clearing, settling and ending intervals, each kind in the order of time.
//!
//! A microgrid with terms stands in the queue exactly once, under the time of its next work, unless it is paused. An
//! interval is settled only after it is cleared, and ends only after it is settled.

use super::records::{Agenda, Microgrid, TermsRecord};
use super::terms;
use crate::keys;
use crate::modules::Ctx;
use crate::records::Due;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, TimeMs, planted};

/// A kind of work; of two that are due at one time, the earlier in this list comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// Matching its orders, once the gate has closed.
    Clear,
    /// Settling it provisionally, once the grace for readings is over.
    Settle,
    /// Ending it, when the late window closes.
    Finalize,
}

/// The next work of a microgrid: when, what, for which interval, under which terms.
pub(crate) type Next = (TimeMs, Work, IntervalId, TermsRecord);

/// Puts a microgrid with this agenda into the queue; with what is overdue, behind everything that is due by now, so
/// that its backlog does not hold up others. The caller writes `grid`.
pub(crate) fn enqueue(ctx: &mut Ctx<'_>, id: &Hash, grid: &mut Microgrid, agenda: Agenda) {
    let next = next(ctx, id, grid, &agenda);
    // Every interval of the agenda has terms, so there is always something next.
    let due_ms = next.map_or(TimeMs::MAX, |(due_ms, ..)| {
        let overdue = due_ms < ctx.time_ms() && !planted!("backlog-first");
        if overdue { ctx.time_ms() } else { due_ms }
    });
    enqueue_at(ctx, id, grid, Agenda { waits: false, ..agenda }, due_ms);
}

/// Puts a microgrid into the queue under `due_ms`; one that is paused waits outside. The caller writes `grid`.
pub(super) fn enqueue_at(ctx: &mut Ctx<'_>, id: &Hash, grid: &mut Microgrid, agenda: Agenda, due_ms: TimeMs) {
    let due_ms = if grid.is_paused() { TimeMs::MAX } else { due_ms };
    if !grid.is_paused() {
        ctx.state.write(keys::queue(due_ms, &Due::Microgrid(*id)), &Due::Microgrid(*id));
    }
    grid.agenda = Some(Agenda { due_ms, ..agenda });
}

/// Notes that a microgrid stands in the queue under another time.
pub(crate) fn note_retry(ctx: &mut Ctx<'_>, id: &Hash, due_ms: TimeMs) {
    if let Some(mut grid) = ctx.state.read(keys::microgrid(id)) {
        grid.agenda = grid.agenda.map(|agenda| Agenda { due_ms, ..agenda });
        ctx.state.write(keys::microgrid(id), &grid);
    }
}

/// The next work of a microgrid with this agenda; `None` if its terms are missing.
pub(crate) fn next(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, agenda: &Agenda) -> Option<Next> {
    let Agenda { clear, settle, finalize, .. } = *agenda;
    let mut all = [
        (Work::Clear, clear, true),
        (Work::Settle, settle, settle < clear),
        (Work::Finalize, finalize, finalize < settle),
    ]
    .into_iter()
    .filter(|(_, _, possible)| *possible)
    .map(|(work, interval, _)| {
        let record = terms::record_at(ctx, id, grid, interval)?;
        let terms = &record.terms;
        let due_ms = match work {
            Work::Clear => TimeMs(grid.start(interval).0.saturating_sub(terms.gate_closure_ms.0)),
            Work::Settle => TimeMs(grid.end(interval).0.saturating_add(terms.grace_ms.0)),
            Work::Finalize => TimeMs(grid.end(interval).0.saturating_add(terms.late_window_ms.0)),
        };
        Some((due_ms, work, interval, record))
    });
    let first = all.next()??;
    all.try_fold(first, |soonest, other| {
        let other = other?;
        Some(if (other.0, other.1) < (soonest.0, soonest.1) { other } else { soonest })
    })
}
