//! Terms by interval.
//!
//! Terms that have begun are never changed, only followed by others, a day later at the earliest. An interval that has
//! orders, is cleared, or is open for settlement keeps those it has.

use super::agenda;
use super::records::{Agenda, Microgrid, TermsRecord};
use super::registry::{DAY_MS, operated};
use crate::keys;
use crate::modules::{Ctx, ledger};
use wattle_primitives::call::energy::{Prices, Terms};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Amount, Event, Hash, Reason, TimeMs, planted};

/// Most versions: finding one takes 16 looks.
const VERSIONS_MAX: u32 = 1 << 16;
/// Versions by which one adjustment is priced, besides the newest.
pub(super) const PRICED_MAX: u32 = 15;
/// Most intervals of a late window: so long a member's part of each is kept.
const LATE_INTERVALS_MAX: u64 = 2_880;
/// Most intervals of grace where prices depend on the time of day: what is read only once within it counts as spread
/// evenly.
const GRACE_INTERVALS_MAX: u64 = 2;

/// Checks what needs no state.
pub(crate) fn check(terms: &Terms) -> Result<(), Reason> {
    if terms.out_of_range().is_none() { Ok(()) } else { Err(Reason::OutOfRange) }
}

/// Checks what depends on the length of an interval.
fn fits(terms: &Terms, interval_ms: TimeMs) -> bool {
    let most = |intervals: u64| interval_ms.0.saturating_mul(intervals);
    let grace_max = if terms.tariff.len() > 1 { most(GRACE_INTERVALS_MAX) } else { u64::MAX };
    terms.late_window_ms.0 <= most(LATE_INTERVALS_MAX) && terms.grace_ms.0 <= grace_max
}

/// Sets a microgrid's terms; the sender is its operator.
pub(crate) fn set(ctx: &mut Ctx<'_>, id: &Hash, terms: &Terms) -> Result<(), Reason> {
    let mut grid = operated(ctx, id)?;
    if !fits(terms, grid.interval_ms) {
        return Err(Reason::OutOfRange);
    }
    let (version, from) = next_version(ctx, id, &grid);
    if version >= VERSIONS_MAX {
        return Err(Reason::OutOfRange);
    }
    if version == grid.terms {
        ledger::deposit(ctx, ctx.sender())?;
        grid.terms = grid.terms.checked_add(1).ok_or(Reason::Overflow)?;
    }
    ctx.state.write(keys::terms(id, version), &TermsRecord { from, terms: terms.clone() });
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

/// The number that new terms get, and the first interval they can hold for: one for which neither orders nor settlement
/// have begun, and a day after the version before them. The newest version is replaced if it could still begin no
/// earlier than that.
fn next_version(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid) -> (u32, IntervalId) {
    let current = grid.interval_at(ctx.time_ms());
    let at_once = grid.ordered <= current && planted!("terms-from-current-interval");
    let next = if at_once { current } else { current.next().max(grid.ordered) };
    let soonest = grid.agenda.map_or(next, |agenda| agenda.clear.max(next));
    let version = match grid.terms.checked_sub(1) {
        Some(newest) if from(ctx, id, newest) >= Some(soonest) => newest,
        _ => grid.terms,
    };
    let a_day = DAY_MS.checked_div(grid.interval_ms.0).unwrap_or(1);
    let before = version.checked_sub(1).and_then(|before| from(ctx, id, before));
    let begins = before.map_or(soonest, |before| soonest.max(IntervalId(before.0.saturating_add(a_day))));
    (version, begins)
}

/// The terms that hold for an interval; `None` before the first ones.
pub(super) fn at(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, interval: IntervalId) -> Option<Terms> {
    version_at(ctx, id, grid, interval).map(|(_, record)| record.terms)
}

/// What the time from `from` until `to` costs, under the terms that held at each of its moments: the average over time
/// of each version's `price`. Of [`PRICED_MAX`] versions the oldest counts for all the time before it as well. `None`
/// before the first terms.
pub(super) fn prices(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    (from, to): (TimeMs, TimeMs),
    price: impl Fn(&Terms, TimeMs, TimeMs) -> Prices,
) -> Option<Prices> {
    let last = grid.interval_at(TimeMs(to.0.saturating_sub(1)).max(from));
    let (mut version, mut record) = version_at(ctx, id, grid, last)?;
    let (mut import, mut export, mut end) = (0u128, 0u128, to);
    let oldest = version.saturating_sub(PRICED_MAX);
    loop {
        let begins = grid.start(record.from);
        let start = if version == oldest { from } else { begins.max(from) };
        let of_part = price(&record.terms, start, end);
        if start <= from && end == to {
            return Some(of_part); // as nearly always: one version
        }
        let ms = u128::from(end.0.saturating_sub(start.0));
        import = import.saturating_add(of_part.import.0.saturating_mul(ms));
        export = export.saturating_add(of_part.export.0.saturating_mul(ms));
        if start <= from {
            break;
        }
        end = start;
        version = version.checked_sub(1)?;
        record = ctx.state.read(keys::terms(id, version))?;
    }
    let length = u128::from(to.0.saturating_sub(from.0));
    let average = |sum: u128| Amount(sum.checked_div(length).unwrap_or(0));
    Some(Prices { import: average(import), export: average(export) })
}

/// The version that holds for an interval, and its number.
fn version_at(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    interval: IntervalId,
) -> Option<(u32, TermsRecord)> {
    let (mut low, mut high) = (0, grid.terms); // the wanted version is below `high`, and not below `low`
    while high.saturating_sub(low) > 1 {
        let middle = low.saturating_add(high.saturating_sub(low) / 2);
        if from(ctx, id, middle)? <= interval {
            low = middle;
        } else {
            high = middle;
        }
    }
    let record: TermsRecord = ctx.state.read(keys::terms(id, low))?;
    (record.from <= interval).then_some((low, record))
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
