//! Terms by interval, and what energy costs by time of day.

use super::records::Microgrid;
use super::registry::operated;
use crate::keys;
use crate::modules::{Ctx, ledger};
use wattle_primitives::call::energy::Terms;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Event, Hash, Reason};

/// Checks what needs no state.
pub(crate) fn check(terms: &Terms) -> Result<(), Reason> {
    if terms.is_valid() { Ok(()) } else { Err(Reason::OutOfRange) }
}

/// Sets a microgrid's terms; the sender is its operator.
pub(crate) fn set(ctx: &mut Ctx<'_>, id: &Hash, terms: &Terms) -> Result<(), Reason> {
    let mut grid = operated(ctx, id)?;
    ledger::deposit(ctx, ctx.sender())?;
    let from = IntervalId(ctx.time_ms().0.checked_div(grid.interval_ms.0).unwrap_or(0).saturating_add(1));
    ctx.state.write(keys::terms(id, grid.terms), &(from, terms));
    grid.terms = grid.terms.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::microgrid(id), &grid);
    ctx.emit(Event::TermsSet { microgrid: *id, from });
    Ok(())
}

/// The terms that hold for an interval; `None` before the first.
pub(super) fn at(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, interval: IntervalId) -> Option<Terms> {
    let (mut low, mut high) = (0, grid.terms);
    let mut found = None;
    while low < high {
        let middle = low.midpoint(high);
        let (from, terms): (IntervalId, Terms) = ctx.state.read(keys::terms(id, middle))?;
        if from <= interval {
            (low, found) = (middle.saturating_add(1), Some(terms));
        } else {
            high = middle;
        }
    }
    found
}
