//! Terms by interval.
//!
//! Terms that have begun are never changed, only followed by others, a day later at the earliest, and not before the
//! notice is over that they promise. An interval that has orders, is cleared, or is open for settlement keeps those it
//! has.

use super::records::{Microgrid, TermsRecord};
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::call::energy::{Prices, Terms};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, TimeMs};

/// Most versions: finding one takes 16 looks.
pub(super) const VERSIONS_MAX: u32 = 1 << 16;
/// Versions by which one adjustment is priced, besides the newest.
pub(super) const PRICED_MAX: u32 = 15;

/// The terms that hold for an interval; `None` before the first ones.
pub(crate) fn at(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, interval: IntervalId) -> Option<Terms> {
    record_at(ctx, id, grid, interval).map(|record| record.terms)
}

/// The same, with when they were set.
pub(super) fn record_at(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    interval: IntervalId,
) -> Option<TermsRecord> {
    version_at(ctx, id, grid, interval).map(|(_, record)| record)
}

/// Who reads and swaps meters now besides the operator, if the terms name somebody.
pub(super) fn installer(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid) -> Option<Address> {
    let interval = grid.interval_at(ctx.time_ms());
    at(ctx, id, grid, interval).and_then(|terms| terms.installer)
}

/// Prices for the time from `from` until `to`, base units per kWh, under the terms that held at each of its moments:
/// the average over time of each version's `price`. Of [`PRICED_MAX`] versions the oldest counts for all the time
/// before it as well. `None` before the first terms.
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

/// The one of so many `versions` that holds for an interval, found by the interval `from` which each holds; `None`
/// before the first.
pub(crate) fn holding(
    versions: u32,
    interval: IntervalId,
    mut from: impl FnMut(u32) -> Option<IntervalId>,
) -> Option<u32> {
    let (mut low, mut high) = (0, versions); // the first that begins later is not below `low`, nor above `high`
    while low < high {
        let middle = low.midpoint(high);
        if from(middle)? <= interval {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    low.checked_sub(1)
}

fn version_at(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    interval: IntervalId,
) -> Option<(u32, TermsRecord)> {
    let version = holding(grid.terms, interval, |version| from(ctx, id, version))?;
    Some((version, ctx.state.read(keys::terms(id, version))?))
}

/// The first interval that is settled at all; `None` without terms.
pub(super) fn first(ctx: &mut Ctx<'_>, id: &Hash) -> Option<IntervalId> {
    from(ctx, id, 0)
}

/// The first interval of a version, without decoding the rest of it.
pub(super) fn from(ctx: &mut Ctx<'_>, id: &Hash, version: u32) -> Option<IntervalId> {
    let raw = ctx.state.get(keys::terms(id, version))?;
    raw.first_chunk().map(|bytes| IntervalId(u64::from_le_bytes(*bytes)))
}
