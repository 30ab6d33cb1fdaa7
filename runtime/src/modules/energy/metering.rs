//! The effect of the energy between two readings of a meter on its account.
//!
//! Energy is taken to flow evenly between two readings (see `exact`). What falls into intervals that are not settled
//! waits there as slices. What falls before that is compared with what was settled for the same time, estimates above
//! all, and the difference is charged or refunded at once: an adjustment. So settled and adjusted energy of a meter
//! always sum to the difference of its registers, plus what is estimated since its last reading.
//!
//! # Readings over a long time
//! A reading that reaches over more than [`SLICES_MAX`] intervals, after a pause or an outage, does not tell what
//! flowed in each. Each counts the meter as estimated, so that nobody shares a loss that is no more than a guess. Where
//! more than [`SLICES_MAX`] of them are not settled, all that it brings for those is billed at once, as an adjustment
//! is: no interval gets what flowed in others.
//!
//! # Prices of adjustments
//! More import than was settled costs the import price, and export earns the export price, under the terms that held at
//! the time in question: on average over it if it is no longer than [`FINE_INTERVALS`], else those of its dearest and
//! of its cheapest moment, so that nobody averages the time of day away by reading seldom. Import that was estimated
//! too high is refunded at the import price, and never at more than the estimate was worth by the prices of its
//! intervals. What was estimated right costs, over a longer time, no less than the average import price: an estimate
//! goes by the hours of earlier days, and nobody lets cheap hours stand for dear ones by falling silent. As much as
//! export or bought energy took off its owner's estimated intervals is refunded at the export price: it was not charged
//! for, it only kept that energy from being sold to the grid.

use super::exact::{Span, share};
use super::lines;
use super::prices::{carried, cost_at_most, exact, thousandths, whole};
use super::profile::SLOT_MS;
use super::records::{
    Agenda, LastReading, Measured, Member, Meter, Microgrid, SettledMeter, Silence, Slice, Step,
};
use super::tab::{self, OPERATOR};
use super::terms;
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::call::energy::{LossRule, Prices, Terms};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::MeterRole;
use wattle_primitives::state_key::estimates_of;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, Reason, TimeMs, WattHours, planted};

/// Most slices that one reading writes: what it brings for more intervals is billed at once.
pub(super) const SLICES_MAX: u64 = 3;
/// Most settled intervals, the newest first, whose sums one reading corrects for the comparison with the feeder. Those
/// beyond keep their estimate there; what is billed does not depend on it.
pub(super) const CORRECTED_MAX: u64 = 2;
/// Hours by which one reading looks at what their estimate was worth; over a longer time it is taken to be even.
const WORTH_SLOTS_MAX: u64 = 24;
/// Milliseconds of an hour.
const HOUR_MS: u128 = 3_600_000;
/// Intervals over which prices are averaged.
const FINE_INTERVALS: u64 = 2;

/// The energy between two readings of a meter.
struct Flow<'a> {
    id: &'a Hash,
    grid: &'a Microgrid,
    agenda: Agenda,
    address: &'a Address,
    meter: &'a Meter,
    import: Span,
    export: Span,
    /// Before this nothing is billed.
    first_ms: TimeMs,
    /// Before this everything is settled.
    until_ms: TimeMs,
    /// Whether a person read the meter.
    manual: bool,
    /// Where it is not known when within the span the energy flowed: the end of the time in which it can have.
    unknown_until: Option<TimeMs>,
}

/// An estimate that readings have replaced.
#[derive(Default)]
struct Replaced {
    /// Energy estimated, Wh.
    wh: u64,
    /// Its worth when it was settled, thousandths of a base unit.
    worth: u128,
    /// The part of `wh` that is refunded at the export price, Wh.
    offset: u64,
}

/// How far a meter is settled. A meter that is not known stands at the end of the list of meters: it is measured with
/// the interval whose measuring is not over.
pub(super) fn settled(ctx: &mut Ctx<'_>, id: &Hash, agenda: &Agenda, address: &Address) -> SettledMeter {
    if let Some(settled) = ctx.state.read(keys::settled_meter(address)) {
        return settled;
    }
    let open = ctx.state.read(keys::interval(id, agenda.settle));
    let measured = open.is_some_and(|interval| match interval.step {
        Step::Sum { .. } | Step::Post { .. } | Step::Claim { .. } | Step::Pay { .. } | Step::Settled => true,
        Step::Open | Step::Release { .. } | Step::Cleared | Step::Measure { .. } | Step::Finish { .. } => {
            false
        }
    });
    let until = if measured { agenda.settle.next() } else { agenda.settle };
    SettledMeter { until, ..SettledMeter::default() }
}

/// Accounts for the energy between a meter's last reading and `next`; `dated` if the clock of that is believed. A first
/// reading brings none.
pub(super) fn take(
    ctx: &mut Ctx<'_>,
    address: &Address,
    meter: &Meter,
    next: &LastReading,
    dated: bool,
) -> Result<(), Reason> {
    let id = &meter.microgrid;
    let grid = super::microgrid(ctx, id)?;
    let Some((agenda, last)) = grid.agenda.zip(meter.last.as_ref()) else { return Ok(()) };
    let mut settled = settled(ctx, id, &agenda, address);
    let first = terms::first(ctx, id).unwrap_or(agenda.finalize);
    let span = |from: WattHours, to: WattHours| Span {
        from_ms: last.effective_ms,
        to_ms: next.effective_ms,
        wh: to.0.saturating_sub(from.0),
    };
    let flow = Flow {
        id,
        grid: &grid,
        agenda,
        address,
        meter,
        import: span(last.import_wh, next.import_wh),
        export: span(last.export_wh, next.export_wh),
        first_ms: grid.start(first),
        until_ms: grid.start(settled.until),
        manual: next.manual,
        unknown_until: unknown_until(meter, last, next, dated),
    };
    flow.adjust(ctx, &mut settled)?;
    flow.enter(ctx, &mut settled)?;
    ctx.state.write(keys::settled_meter(address), &settled);
    Ok(())
}

/// The block's time, if a reading's energy can have flowed at any time before it, and not only in the span that its
/// effective time tells: it was read after a start without a clock that is believed, or it is more than can flow in
/// that span. Else a silence could be dated to one cheap moment.
fn unknown_until(meter: &Meter, last: &LastReading, next: &LastReading, dated: bool) -> Option<TimeMs> {
    let now = next.block_time_ms;
    let restarted = next.seq > last.seq && next.boot_id != last.boot_id && !dated;
    let wh = next.import_wh.saturating_sub(last.import_wh).max(next.export_wh.saturating_sub(last.export_wh));
    let span_ms = next.effective_ms.saturating_sub(last.effective_ms);
    let beyond = wh > energy_at_most(meter.power_max_w, span_ms);
    ((restarted || beyond) && last.seq > 0 && !planted!("silence-dated-to-a-moment")).then_some(now)
}

/// The most that can flow at a power, W, in a time.
pub(super) fn energy_at_most(power_max_w: u32, time_ms: TimeMs) -> WattHours {
    let wh = u128::from(power_max_w).saturating_mul(time_ms.0.into()) / HOUR_MS;
    WattHours(u64::try_from(wh).unwrap_or(u64::MAX))
}

/// Takes what readings have replaced, in thousandths of a base unit, out of a meter's estimates. Returns how many base
/// units that is.
fn release(silence: &mut Silence, replaced: u128) -> Amount {
    let left = thousandths(silence.amount, silence.rest).saturating_sub(replaced);
    silence.rest = 0;
    let left = carried(left, &mut silence.rest);
    let amount = silence.amount.saturating_sub(left);
    silence.amount = left;
    amount
}

impl Flow<'_> {
    /// The settled time that the two readings span.
    fn settled_span(&self) -> (TimeMs, TimeMs) {
        let from = self.import.from_ms.max(self.first_ms);
        (from, self.import.to_ms.min(self.until_ms).max(from))
    }

    /// Compares what flowed within settled time with what was settled for it.
    fn adjust(&self, ctx: &mut Ctx<'_>, settled: &mut SettledMeter) -> Result<(), Reason> {
        let (from, to) = self.settled_span();
        if from >= self.until_ms {
            return Ok(());
        }
        let [estimate, left] =
            [to, self.until_ms].map(|to| settled.estimated(from, to, self.grid.interval_ms));
        let import = self.import.between(self.first_ms, self.until_ms);
        let export = self.export.between(self.first_ms, self.until_ms);
        let estimate = if estimate > 0 && planted!("estimate-forgotten") { 0 } else { estimate };
        if self.meter.role == MeterRole::Sub {
            let mut member = tab::member(ctx, self.id, &self.meter.owner)?;
            let offset = member.offset.0.min(estimate.saturating_sub(import));
            let mut replaced = Replaced { wh: estimate, worth: 0, offset };
            member.offset = member.offset.saturating_sub(WattHours(offset));
            let worth = settled.silence.and_then(|_| self.worth(ctx, settled, (from, to)));
            if let Some(silence) = &mut settled.silence {
                let whole = thousandths(silence.amount, silence.rest);
                let worth = worth.unwrap_or_else(|| share(whole, 0, estimate, left));
                replaced.worth = if to >= self.until_ms { whole } else { worth.min(whole) };
                let amount = release(silence, replaced.worth);
                if !planted!("estimate-left-on-account", amount > Amount::ZERO) {
                    tab::charge(ctx, self.grid, member.code, estimates_of(member.code), amount)?;
                }
                if tab::estimates(ctx, self.grid, member.code) == Amount::ZERO {
                    member.offset = WattHours::ZERO;
                }
            }
            if (import, export, estimate) != (0, 0, 0) {
                self.charge(ctx, &mut member, (from, to), [import, export], &replaced)?;
            }
            ctx.state.write(keys::member(self.id, &self.meter.owner), &member);
        }
        if settled.silence.is_some() {
            self.correct(ctx, settled);
        }
        if to >= self.until_ms {
            settled.silence = None;
        } else if let Some(silence) = &mut settled.silence
            && silence.until_ms.is_some_and(|end| end <= to)
        {
            // It has reported since its estimates ended: what is silent from here on is estimated again.
            (silence.since_ms, silence.until_ms) = (self.until_ms, None);
        }
        Ok(())
    }

    /// Charge for the estimate of a time of at most [`WORTH_SLOTS_MAX`] hours, hour by hour, in thousandths
    /// of a base unit; of a longer one `None`.
    fn worth(&self, ctx: &mut Ctx<'_>, settled: &SettledMeter, (from, to): (TimeMs, TimeMs)) -> Option<u128> {
        let hour = |at: TimeMs| at.0 / SLOT_MS;
        let slots = hour(from)..=hour(TimeMs(to.0.saturating_sub(1)).max(from));
        if slots.end().saturating_sub(*slots.start()) >= WORTH_SLOTS_MAX {
            return None;
        }
        let mut worth = 0u128;
        for slot in slots {
            let start = TimeMs(slot.saturating_mul(SLOT_MS)).max(from);
            let end = TimeMs(slot.saturating_add(1).saturating_mul(SLOT_MS)).min(to);
            let estimate = settled.estimated(start, end, self.grid.interval_ms);
            let prices = terms::prices(ctx, self.id, self.grid, (start, end), Terms::prices)?;
            worth = worth.saturating_add(exact(prices.import, WattHours(estimate)));
        }
        Some(worth)
    }

    /// Charges and refunds the difference between the import and the export that flowed between two times, Wh, and
    /// what was settled.
    fn charge(
        &self,
        ctx: &mut Ctx<'_>,
        member: &mut Member,
        (from, to): (TimeMs, TimeMs),
        [import, export]: [u64; 2],
        replaced: &Replaced,
    ) -> Result<(), Reason> {
        let price = self.prices(ctx, from, to)?;
        let estimate = replaced.wh;
        let more = WattHours(import.saturating_sub(estimate));
        let (code, carry) = (member.code, &mut member.carry);
        let mut charge = exact(price.import, more);
        if !self.is_fine(from, to) && !planted!("estimate-at-its-own-hours") {
            let right = import.min(estimate);
            let paid = share(replaced.worth, 0, right, estimate);
            let average = terms::prices(ctx, self.id, self.grid, (from, to), Terms::prices);
            let least = exact(average.unwrap_or(price).import, WattHours(right));
            charge = charge.saturating_add(least.saturating_sub(paid));
        }
        let mut debit = carried(charge, &mut carry.debit);
        let up = || cost_at_most(price.import, more);
        if planted!("adjustment-rounded-up", up() != debit) {
            debit = up();
        }
        let over = estimate.saturating_sub(import);
        let worth = share(replaced.worth, 0, over, estimate);
        // Back comes what was charged; and what was set off and so not sold to the grid, which nobody had charged.
        let back = exact(price.import, WattHours(over.saturating_sub(replaced.offset))).min(worth);
        let refund = exact(price.export, WattHours(replaced.offset)).saturating_add(back).min(worth);
        let credit = refund.saturating_add(exact(price.export, WattHours(export)));
        let mut credit = carried(credit, &mut carry.credit);
        if code == OPERATOR {
            (debit, credit) = (Amount::ZERO, Amount::ZERO);
        }
        tab::charge(ctx, self.grid, code, OPERATOR, debit)?;
        tab::charge(ctx, self.grid, OPERATOR, code, credit)?;
        if code != OPERATOR {
            // A dispute does not grant it again.
            member.granted = member.granted.saturating_add(whole(back));
            let net = WattHours(import.saturating_sub(export));
            let span = (from, self.unknown_until.map_or(to, |end| end.max(to)));
            let most = energy_at_most(self.meter.power_max_w, self.grid.interval_ms);
            lines::count_late(ctx, (self.id, self.grid), member, span, (net, most), [debit, whole(refund)]);
        }
        ctx.emit(EnergyEvent::EnergyAdjusted {
            microgrid: *self.id,
            meter: *self.address,
            account: self.meter.owner,
            from_ms: from,
            to_ms: to,
            import_wh: WattHours(import),
            export_wh: WattHours(export),
            settled_import_wh: WattHours(estimate),
            settled_export_wh: WattHours::ZERO,
            debit,
            credit,
            manual: self.manual,
        });
        Ok(())
    }

    /// Prices for the time from `from` until `to`, base units per kWh: averages over at most [`FINE_INTERVALS`], over a
    /// longer time each version's highest import and lowest export price.
    fn prices(&self, ctx: &mut Ctx<'_>, from: TimeMs, to: TimeMs) -> Result<Prices, Reason> {
        let to = self.unknown_until.map_or(to, |end| end.max(to));
        let price = if self.is_fine(from, to) { Terms::prices } else { Terms::bounds };
        terms::prices(ctx, self.id, self.grid, (from, to), price).ok_or(Reason::NoTerms)
    }

    /// Whether a time is so short that prices are averaged over it.
    fn is_fine(&self, from: TimeMs, to: TimeMs) -> bool {
        let fine_ms = self.grid.interval_ms.0.saturating_mul(FINE_INTERVALS);
        to.0.saturating_sub(from.0) <= fine_ms && self.unknown_until.is_none()
    }

    /// The interval in which a span ends.
    fn last_interval(&self, from: TimeMs, to: TimeMs) -> IntervalId {
        self.grid.interval_at(TimeMs(to.0.saturating_sub(1)).max(from))
    }

    /// Whether the readings are too far apart to tell what flowed in each of their intervals.
    fn is_long(&self) -> bool {
        let [from, to] = [self.import.from_ms, self.import.to_ms].map(|at| self.grid.interval_at(at));
        to.0.saturating_sub(from.0) >= SLICES_MAX
    }

    /// Corrects the sums of settled intervals that are not final.
    fn correct(&self, ctx: &mut Ctx<'_>, settled: &SettledMeter) {
        let (from, to) = self.settled_span();
        let newest = self.last_interval(from, to);
        let oldest = self.grid.interval_at(from).max(self.agenda.finalize);
        for back in 0..CORRECTED_MAX {
            let Some(interval) = newest.0.checked_sub(back).map(IntervalId).filter(|at| *at >= oldest) else {
                return;
            };
            let (start, end) = (self.grid.start(interval), self.grid.end(interval));
            let estimate = settled.estimated(from.max(start), to.min(end), self.grid.interval_ms);
            let (from, to) = (start.max(self.first_ms), end.min(self.until_ms));
            let import = self.import.between(from, to);
            let export = self.export.between(from, to);
            let known = !self.is_long() && !settled.is_coarse(interval);
            let complete = self.import.to_ms >= end && (known || planted!("long-reading-shares-loss"));
            self.correct_one(ctx, interval, [import, export, estimate], complete);
        }
    }

    fn correct_one(&self, ctx: &mut Ctx<'_>, interval: IntervalId, wh: [u64; 3], complete: bool) {
        let key = keys::interval(self.id, interval);
        let Some(mut record) = ctx.state.read(key) else { return };
        if record.step != Step::Settled {
            return; // settling or ending goes by its sums just now
        }
        let [import, export, estimate] = wh.map(WattHours);
        let replace = |sum: WattHours| sum.saturating_add(import).saturating_sub(estimate);
        let sums: &mut Measured = match self.meter.role {
            MeterRole::Sub => &mut record.subs,
            MeterRole::Feeder => &mut record.feeders,
        };
        sums.import_wh = replace(sums.import_wh);
        if import != estimate && planted!("late-reading-corrects-twice") {
            sums.import_wh = replace(sums.import_wh);
        }
        sums.export_wh = sums.export_wh.saturating_add(export);
        sums.estimated = sums.estimated.saturating_sub(u32::from(complete));
        let shared = record.feeders.meters > 0
            && self.meter.role == MeterRole::Sub
            && terms::at(ctx, self.id, self.grid, interval)
                .is_some_and(|terms| terms.losses == LossRule::ProRata);
        ctx.state.write(key, &record);
        let Ok(member) = tab::member(ctx, self.id, &self.meter.owner) else { return };
        if !shared {
            return;
        }
        // A member of whom nothing was measured has no position yet.
        let key = keys::position(self.id, interval, member.code);
        let mut position = ctx.state.read(key).unwrap_or_default();
        position.import_wh = replace(position.import_wh);
        position.export_wh = position.export_wh.saturating_add(export);
        if position.import_wh > WattHours::ZERO {
            ctx.state.write(key, &position);
        } else {
            ctx.state.remove(key); // no loss is shared by it
        }
    }

    /// Puts what flowed since the settled boundary into its intervals, or bills it if those are too many.
    fn enter(&self, ctx: &mut Ctx<'_>, settled: &mut SettledMeter) -> Result<(), Reason> {
        let (from, to) = (self.import.from_ms, self.import.to_ms);
        if to < self.until_ms {
            return Ok(());
        }
        let oldest = self.grid.interval_at(from).max(settled.until);
        let newest = self.grid.interval_at(to).max(oldest);
        if self.is_long() && !planted!("long-reading-known") {
            settled.add_coarse(oldest, newest.next());
            if !self.manual && self.meter.role == MeterRole::Sub {
                let interval_ms = self.grid.interval_ms;
                let average = WattHours(self.import.until(from.saturating_add(interval_ms)));
                settled.profile.learn(from, to, average);
            }
        }
        let lump = planted!("pause-billed-to-one-interval");
        if newest.0.saturating_sub(oldest.0) >= SLICES_MAX && !lump {
            return self.bill(ctx, from.max(self.until_ms), to);
        }
        for interval in oldest.0..=newest.0 {
            let interval = IntervalId(interval);
            let (start, end) = (self.grid.start(interval), self.grid.end(interval));
            self.add(ctx, if lump { oldest } else { interval }, start.max(self.until_ms), end);
        }
        Ok(())
    }

    /// Bills what flowed between two times that are not settled.
    fn bill(&self, ctx: &mut Ctx<'_>, from: TimeMs, to: TimeMs) -> Result<(), Reason> {
        let wh = [self.import, self.export].map(|span| span.between(from, to));
        if self.meter.role == MeterRole::Feeder || wh == [0; 2] {
            return Ok(());
        }
        let mut member = tab::member(ctx, self.id, &self.meter.owner)?;
        self.charge(ctx, &mut member, (from, to), wh, &Replaced::default())?;
        ctx.state.write(keys::member(self.id, &self.meter.owner), &member);
        Ok(())
    }

    fn add(&self, ctx: &mut Ctx<'_>, interval: IntervalId, from: TimeMs, to: TimeMs) {
        let import = self.import.between(from, to);
        let export = self.export.between(from, to);
        if (import, export) == (0, 0) {
            return;
        }
        let key = keys::slice(self.address, interval);
        let slice = ctx.state.read(key).unwrap_or_default();
        let import_wh = slice.import_wh.saturating_add(WattHours(import));
        let export_wh = slice.export_wh.saturating_add(WattHours(export));
        // A rating that is raised meanwhile makes no power of what flowed before.
        let most = energy_at_most(self.meter.power_max_w, self.grid.interval_ms);
        let beyond_wh = slice.beyond_wh.max(import_wh.saturating_sub(most));
        ctx.state.write(key, &Slice { import_wh, export_wh, beyond_wh });
    }
}
