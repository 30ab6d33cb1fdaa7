use super::records::{Agenda, Microgrid, TermsRecord};
use super::terms::{VERSIONS_MAX, from};
use super::{DAY_MS, TERMS_KEYS, operated, schedule};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use crate::records::Due;
use wattle_primitives::call::energy::{SetTerms, Terms};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Hash, Reason, TimeMs, Weight, planted};

/// Most intervals of a late window: so long a member's part of each is kept.
const LATE_INTERVALS_MAX: u64 = 2_880;
/// Most intervals of grace where prices depend on the time of day: what is read only once within it counts as spread
/// evenly.
const GRACE_INTERVALS_MAX: u64 = 2;

impl Action for SetTerms {
    fn check(&self) -> Result<(), Reason> {
        if self.terms.out_of_range().is_none() { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        weights::keys(8 + 3 * TERMS_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, terms) = (&self.microgrid, &*self.terms);
        let mut grid = operated(ctx, id)?;
        if !fits(terms, grid.interval_ms) {
            return Err(Reason::OutOfRange);
        }
        let newest = grid.terms.checked_sub(1).and_then(|version| ctx.state.read(keys::terms(id, version)));
        if ctx.grant().is_some() && newest.and_then(|newest| newest.terms.installer) != terms.installer {
            return Err(Reason::CallNotGranted); // an installer's authority would outlive the grant
        }
        let (version, from) = next_version(ctx, id, &grid);
        if version >= VERSIONS_MAX {
            return Err(Reason::OutOfRange);
        }
        if version == grid.terms {
            ledger::deposit(ctx)?;
            grid.terms = grid.terms.checked_add(1).ok_or(Reason::Overflow)?;
        }
        ctx.state.write(
            keys::terms(id, version),
            &TermsRecord { from, set_ms: ctx.time_ms(), terms: terms.clone() },
        );
        let agenda = grid.agenda.map_or(
            Agenda { clear: from, settle: from, finalize: from, due_ms: TimeMs::ZERO, waits: false },
            |agenda| {
                ctx.state.remove(keys::queue(agenda.due_ms, &Due::Microgrid(*id)));
                agenda
            },
        );
        schedule::enqueue(ctx, id, &mut grid, agenda);
        ctx.state.write(keys::microgrid(id), &grid);
        ctx.emit(EnergyEvent::TermsSet { microgrid: *id, from });
        Ok(())
    }
}

/// Checks what depends on the length of an interval.
fn fits(terms: &Terms, interval_ms: TimeMs) -> bool {
    let most = |intervals: u64| interval_ms.0.saturating_mul(intervals);
    let grace_max = if terms.tariff.len() > 1 { most(GRACE_INTERVALS_MAX) } else { u64::MAX };
    terms.late_window_ms.0 <= most(LATE_INTERVALS_MAX) && terms.grace_ms.0 <= grace_max
}

/// The number that new terms get, and the first interval they can hold for: one for which neither orders nor settlement
/// have begun, a day after the version before them, and not before the notice is over that this promises. The newest
/// version is replaced if neither orders nor settlement have begun for its first interval.
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
    let before = version.checked_sub(1).and_then(|before| ctx.state.read(keys::terms(id, before)));
    let Some(TermsRecord { from, terms, .. }) = before else { return (version, soonest) };
    let begins = soonest.max(IntervalId(from.0.saturating_add(a_day)));
    if planted!("terms-without-notice", terms.notice_ms > TimeMs::ZERO) {
        return (version, begins);
    }
    let notice_ms = ctx.time_ms().saturating_add(terms.notice_ms);
    let noticed = notice_ms.0.checked_next_multiple_of(grid.interval_ms.0).unwrap_or(u64::MAX);
    (version, begins.max(grid.interval_at(TimeMs(noticed))))
}
