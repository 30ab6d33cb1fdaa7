//! Terms by interval.
//!
//! Terms are never changed, only followed by others. An interval that is cleared, or open for settlement, keeps those
//! it began with.

use super::agenda;
use super::records::{Agenda, Microgrid, TermsRecord};
use super::registry::operated;
use crate::keys;
use crate::modules::{Ctx, ledger};
use wattle_primitives::call::energy::Terms;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Event, Hash, Reason, TimeMs};

/// Most versions: finding one takes 16 looks.
const VERSIONS_MAX: u32 = 1 << 16;

/// Checks what needs no state.
pub(crate) fn check(terms: &Terms) -> Result<(), Reason> {
    if terms.out_of_range().is_none() { Ok(()) } else { Err(Reason::OutOfRange) }
}

/// Sets a microgrid's terms; the sender is its operator.
pub(crate) fn set(ctx: &mut Ctx<'_>, id: &Hash, terms: &Terms) -> Result<(), Reason> {
    let mut grid = operated(ctx, id)?;
    if grid.terms >= VERSIONS_MAX {
        return Err(Reason::OutOfRange);
    }
    ledger::deposit(ctx, ctx.sender())?;
    let next = grid.interval_at(ctx.time_ms()).next();
    let from = grid.agenda.map_or(next, |agenda| agenda.clear.max(next));
    ctx.state.write(keys::terms(id, grid.terms), &TermsRecord { from, terms: terms.clone() });
    grid.terms = grid.terms.checked_add(1).ok_or(Reason::Overflow)?;
    let agenda = grid.agenda.map_or(
        Agenda { clear: from, settle: from, finalize: from, due_ms: TimeMs::ZERO },
        |agenda| {
            ctx.state.remove(keys::queue(agenda.due_ms, id));
            agenda
        },
    );
    agenda::enqueue(ctx, id, &mut grid, agenda);
    ctx.state.write(keys::microgrid(id), &grid);
    ctx.emit(Event::TermsSet { microgrid: *id, from });
    Ok(())
}

/// The terms that hold for an interval; `None` before the first ones.
pub(super) fn at(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, interval: IntervalId) -> Option<Terms> {
    let (mut low, mut high) = (0, grid.terms); // the wanted version is below `high`, and not below `low`
    while high.saturating_sub(low) > 1 {
        let middle = low.saturating_add(high.saturating_sub(low) / 2);
        if from(ctx, id, middle)? <= interval {
            low = middle;
        } else {
            high = middle;
        }
    }
    let TermsRecord { from, terms } = ctx.state.read(keys::terms(id, low))?;
    (from <= interval).then_some(terms)
}

/// The first interval that is settled at all; `None` without terms.
pub(super) fn first(ctx: &mut Ctx<'_>, id: &Hash) -> Option<IntervalId> {
    from(ctx, id, 0)
}

/// The first interval of a version, without decoding the rest of it.
fn from(ctx: &mut Ctx<'_>, id: &Hash, version: u32) -> Option<IntervalId> {
    let raw = ctx.state.get(keys::terms(id, version))?;
    raw.first_chunk().map(|bytes| IntervalId(u64::from_le_bytes(*bytes)))
}
