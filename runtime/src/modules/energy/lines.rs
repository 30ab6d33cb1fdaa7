//! The operator's lines: what it charges besides energy.
//!
//! By the terms, with the first interval of a calendar month that is settled: what the highest power of the month that
//! ended costs, the tax on its energy, and the fee for the month that begins, which nobody pays who joined within it.
//! Power is priced, and energy taxed, by the terms of their own interval. What is only estimated has no power; a
//! reading that comes late has the average of the time that it spans, in the month in which it comes.
//!
//! By hand: `charge_line`.

use super::collect::{PAY_KEYS, collect};
use super::prices::carried;
use super::records::{Demand, Member, Microgrid, Position};
use super::tab::{self, OPERATOR, TAX};
use super::terms;
use super::work::At;
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::call::energy::{Fees, LineKind};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, Reason, TimeMs, WattHours, planted};

/// Keys of a month's lines of a member: list entry, member, three accounts with their records, and what paying takes.
pub(super) const MONTH_KEYS: u64 = 8 + PAY_KEYS;
/// Thousandths of a whole.
const PERMILLE: i128 = 1000;

/// A charge and the tax on it, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taxed {
    pub(super) amount: Amount,
    pub(super) tax: Amount,
}

impl Taxed {
    /// A charge with taxes of a rate in thousandths. What they are rounded down by is carried on to the member's next
    /// line.
    pub(super) fn new(member: &mut Member, amount: Amount, permille: u16) -> Self {
        Self { amount, tax: carried(amount.0.saturating_mul(permille.into()), &mut member.carry.tax) }
    }
}

/// Whose lines are posted, and in which interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'a> {
    pub(super) id: &'a Hash,
    pub(super) grid: &'a Microgrid,
    pub(super) interval: IntervalId,
    pub(super) account: Address,
    /// Code of the account's tab.
    pub(super) code: u32,
}

impl Lines<'_> {
    /// Charges a line and the tax on it; nothing when both are nothing.
    pub(super) fn charge(
        &self,
        ctx: &mut Ctx<'_>,
        line: LineKind,
        due: Taxed,
        reason: Option<Hash>,
    ) -> Result<(), Reason> {
        if due == Taxed::default() {
            return Ok(());
        }
        let to = if planted!("tax-to-operator") { OPERATOR } else { TAX };
        tab::charge(ctx, self.grid, self.code, OPERATOR, due.amount)?;
        tab::charge(ctx, self.grid, self.code, to, due.tax)?;
        self.note(ctx, line, due, reason);
        Ok(())
    }

    /// Says that a line was posted.
    pub(super) fn note(&self, ctx: &mut Ctx<'_>, line: LineKind, due: Taxed, reason: Option<Hash>) {
        let Self { id, interval, account, .. } = *self;
        let Taxed { amount, tax } = due;
        ctx.emit(EnergyEvent::LineCharged { microgrid: *id, interval, account, line, amount, tax, reason });
    }

    /// Posts what the member's month has come to: its power, and the tax on its energy. Less than a base unit of tax
    /// counts on, and so does what more was taken back than charged.
    pub(super) fn end_month(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let mut member = tab::member(ctx, self.id, &self.account)?;
        let demand = std::mem::take(&mut member.demand);
        let tax = member.tax.max(0).checked_div(PERMILLE).unwrap_or(0);
        member.tax = member.tax.saturating_sub(tax.saturating_mul(PERMILLE));
        if demand == Demand::default() && tax == 0 {
            return Ok(());
        }
        let demand = Taxed::new(&mut member, demand.amount, demand.permille);
        ctx.state.write(keys::member(self.id, &self.account), &member);
        self.charge(ctx, LineKind::Demand, demand, None)?;
        let tax = Amount(tax.unsigned_abs());
        self.charge(ctx, LineKind::Energy, Taxed { amount: Amount::ZERO, tax }, None)
    }
}

/// Whether a calendar month begins with an interval that is being settled. None does with the first there is.
pub(super) fn begins_month(at: &At<'_>) -> bool {
    at.grid.month > 0 && at.terms.month(at.grid.start(at.interval)) > at.grid.month
}

/// Posts a member's lines of a month that begins.
pub(super) fn post_month(ctx: &mut Ctx<'_>, at: &At<'_>, code: u32) {
    if code == OPERATOR {
        return; // it would charge itself
    }
    let Some(account) = ctx.state.read(keys::member_index(at.id, code)) else { return };
    let owed = tab::receivable(ctx, at.grid, code);
    ctx.attempt(|ctx| recurring(ctx, at, account, code)); // as in `settle::move_between`
    collect(ctx, at, account, code, owed);
}

fn recurring(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address, code: u32) -> Result<(), Reason> {
    let At { id, grid, interval, terms, .. } = *at;
    let lines = Lines { id, grid, interval, account, code };
    lines.end_month(ctx)?;
    let mut member = tab::member(ctx, id, &account)?;
    let joined = terms.month(member.since_ms);
    let month = terms.month(grid.start(interval));
    if joined >= month && !planted!("fee-before-joining") {
        return Ok(());
    }
    let fees = &terms.fees;
    let due = Taxed::new(&mut member, fees.monthly, fees.permille(LineKind::Monthly));
    ctx.state.write(keys::member(id, &account), &member);
    lines.charge(ctx, LineKind::Monthly, due, None)
}

/// Counts what a member was charged for an interval's energy, and the power that it measured.
pub(super) fn count(
    ctx: &mut Ctx<'_>,
    at: &At<'_>,
    account: Address,
    code: u32,
    position: &Position,
    debit: Amount,
) {
    let fees = &at.terms.fees;
    if code == OPERATOR || !counts(fees) {
        return;
    }
    let key = keys::member(at.id, &account);
    let Some(mut member) = ctx.state.read(key) else { return };
    let measured = position.measured();
    let beyond = if planted!("demand-beyond-rating") { WattHours::ZERO } else { position.beyond_wh };
    let net = measured.import_wh.saturating_sub(beyond).saturating_sub(measured.export_wh);
    add(&mut member, fees, at.grid.interval_ms, net, [debit, Amount::ZERO]);
    ctx.state.write(key, &member);
}

/// Counts what came late: its average power over the time, for an interval no more than `most`; what was charged for
/// it, and given back of what was charged before. The caller writes `member`.
pub(super) fn count_late(
    ctx: &mut Ctx<'_>,
    (id, grid): (&Hash, &Microgrid),
    member: &mut Member,
    (from, to): (TimeMs, TimeMs),
    (net, most): (WattHours, WattHours),
    charges: [Amount; 2],
) {
    let last = grid.interval_at(TimeMs(to.0.saturating_sub(1)).max(from));
    let Some(terms) = terms::at(ctx, id, grid, last) else { return };
    let worth = u128::from(net.0).saturating_mul(grid.interval_ms.0.into());
    let average = worth
        .checked_div(to.saturating_sub(from).0.into())
        .map_or(net.0, |wh| u64::try_from(wh).unwrap_or(u64::MAX));
    add(member, &terms.fees, grid.interval_ms, WattHours(average).min(most), charges);
}

/// Whether power or energy has a line at the end of the month.
fn counts(fees: &Fees) -> bool {
    fees.demand_per_kw > Amount::ZERO || fees.permille(LineKind::Energy) > 0
}

fn add(member: &mut Member, fees: &Fees, interval_ms: TimeMs, net: WattHours, [debit, refund]: [Amount; 2]) {
    let (amount, rate) = (fees.demand(net, interval_ms), i128::from(fees.permille(LineKind::Energy)));
    if amount > member.demand.amount {
        member.demand = Demand { amount, permille: fees.permille(LineKind::Demand) };
    }
    let of = |amount: Amount| i128::try_from(amount.0).unwrap_or(i128::MAX).saturating_mul(rate);
    member.tax = member.tax.saturating_add(of(debit)).saturating_sub(of(refund));
}
