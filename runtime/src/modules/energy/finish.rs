//! The end of an interval, when the late window closes: what the feeder meters show is compared with what the members'
//! meters show.
//!
//! The loss is the feeder meters' net import less the members'. It is shared only if every meter was read: an estimate
//! that is wrong is no loss. It is flagged in any case, so that nobody hides by being late.

use super::exact::share;
use super::prices::{carried, exact};
use super::records::{Interval, Measured, Step};
use super::settle::move_between;
use super::tab::OPERATOR;
use super::work::{At, Budget};
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::call::energy::LossRule;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Amount, WattHours, planted};

/// Keys of a member's share: position, list entry, member, two tabs with their records.
const SHARE_KEYS: u64 = 7;
/// Thousandths of a whole.
const PERMILLE: u128 = 1000;

/// An interval's final figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Net energy through the feeder meters, 0 when more went out than came in; `None` unless all were read.
    pub(super) feeder_wh: Option<WattHours>,
    /// Feeder meters' net import less the members', at least 0, Wh; 0 unless there are feeders and all were read.
    pub(super) loss_wh: WattHours,
    /// Whether that is more than allowed.
    pub(super) under_reported: bool,
}

/// Goes on with ending an interval; whether it is done.
pub(crate) fn finalize(ctx: &mut Ctx<'_>, at: &At<'_>, budget: &mut Budget) -> bool {
    let key = keys::interval(at.id, at.interval);
    budget.keys(1);
    let Some(mut record) = ctx.state.read(key) else { return true };
    let outcome = outcome(&record.subs, &record.feeders, at.terms.loss_permille_max);
    let mut next = match record.step {
        Step::Finish { next } => next,
        Step::Open
        | Step::Release { .. }
        | Step::Cleared
        | Step::Measure { .. }
        | Step::Sum { .. }
        | Step::Post { .. }
        | Step::Claim { .. }
        | Step::Pay { .. }
        | Step::Settled => {
            record.done = [WattHours::ZERO; 2];
            OPERATOR
        }
    };
    let positions = at.terms.losses == LossRule::ProRata && record.feeders.meters > 0;
    let total = if record.subs.estimated == 0 { outcome.loss_wh } else { WattHours::ZERO };
    while positions && next <= at.grid.members {
        let shared = share_loss(ctx, at, &mut record, total, next);
        budget.keys(if shared { SHARE_KEYS } else { 1 });
        next = next.saturating_add(1);
        if budget.is_spent() {
            record.step = Step::Finish { next };
            ctx.state.write(key, &record);
            return false;
        }
    }
    ctx.state.remove(key);
    let Outcome { feeder_wh, loss_wh, under_reported } = outcome;
    ctx.emit(EnergyEvent::IntervalFinal {
        microgrid: *at.id,
        interval: at.interval,
        feeder_wh,
        loss_wh,
        under_reported,
    });
    true
}

/// Compares what meters show. Each meter may be off by the rounding of a boundary, which is no loss to be flagged.
pub(super) fn outcome(subs: &Measured, feeders: &Measured, permille_max: u16) -> Outcome {
    if feeders.meters == 0 || feeders.estimated > 0 {
        return Outcome { feeder_wh: None, loss_wh: WattHours::ZERO, under_reported: false };
    }
    let net = |sums: &Measured| i128::from(sums.import_wh.0).saturating_sub(i128::from(sums.export_wh.0));
    let feeder = net(feeders);
    let loss = u64::try_from(feeder.saturating_sub(net(subs)).max(0)).unwrap_or(u64::MAX);
    let rounding = u64::from(subs.meters).saturating_add(u64::from(feeders.meters));
    let beyond = u128::from(loss.saturating_sub(rounding)).saturating_mul(PERMILLE);
    let allowed = feeder.unsigned_abs().saturating_mul(u128::from(permille_max));
    Outcome {
        feeder_wh: Some(WattHours(u64::try_from(feeder.max(0)).unwrap_or(u64::MAX))),
        loss_wh: WattHours(loss),
        under_reported: beyond > allowed,
    }
}

/// Removes a member's position and charges its share of `total`, in proportion to its consumption. Whether it has one.
fn share_loss(ctx: &mut Ctx<'_>, at: &At<'_>, record: &mut Interval, total: WattHours, code: u32) -> bool {
    let key = keys::position(at.id, at.interval, code);
    let Some(position) = ctx.state.read(key) else { return false };
    ctx.state.remove(key);
    let [before, ..] = record.done;
    let after = before.saturating_add(position.import_wh);
    record.done = [after, WattHours::ZERO];
    let of = |total: u128| {
        let exact = share(total, before.0, after.0, record.subs.import_wh.0);
        let floor = || share(total, 0, position.import_wh.0, record.subs.import_wh.0);
        if planted!("loss-remainder-lost", floor() != exact) { floor() } else { exact }
    };
    let wh = WattHours(u64::try_from(of(total.0.into())).unwrap_or(u64::MAX));
    let thousandths = of(exact(at.prices.import, total));
    let Some(account) = ctx.state.read(keys::member_index(at.id, code)) else { return false };
    if wh == WattHours::ZERO && thousandths == 0 {
        return false;
    }
    let member_key = keys::member(at.id, &account);
    let Some(mut member) = ctx.state.read(member_key) else { return false };
    let debit = carried(thousandths, &mut member.carry.debit);
    ctx.state.write(member_key, &member);
    move_between(ctx, at, code, OPERATOR, debit);
    let debit = if code == OPERATOR { Amount::ZERO } else { debit };
    ctx.emit(EnergyEvent::LossShared { microgrid: *at.id, interval: at.interval, account, wh, debit });
    true
}

#[cfg(test)]
#[path = "finish_tests.rs"]
mod tests;
