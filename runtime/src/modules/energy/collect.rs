//! Collecting what members owe, while an interval is settled.

use super::tab::{self, OPERATOR, Tab};
use super::terms;
use super::work::At;
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Address, Amount, planted};

/// Keys of paying a tab: member, tab, wallet, two dues, mandate, newest terms.
pub(super) const PAY_KEYS: u64 = 6 + super::TERMS_KEYS;

/// Takes what a member owes from its wallet, as far as there is money, and says when it begins to owe too much.
pub(super) fn collect(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address, code: u32, before: Tab) {
    match tab::balance(ctx, at.grid, code) {
        Tab::Owes(_) => {}
        Tab::Even | Tab::Due(_) => return,
    }
    let key = keys::member(at.id, &account);
    let counted = |ctx: &mut Ctx<'_>, tab: Tab| match (tab, ctx.state.read(key)) {
        (Tab::Owes(owed), Some(member)) => owed.saturating_sub(member.unpaid_estimates()),
        (Tab::Owes(_), None) | (Tab::Even | Tab::Due(_), _) => Amount::ZERO,
    };
    let was = counted(ctx, before);
    pay_tab(ctx, at, account);
    let tab = tab::balance(ctx, at.grid, code);
    let owed = counted(ctx, tab);
    let Some(member) = ctx.state.read(key) else { return };
    let limit = member.credit_limit.unwrap_or(at.terms.credit_limit);
    if owed > limit && was <= limit && code != OPERATOR {
        ctx.emit(EnergyEvent::CreditExceeded { microgrid: *at.id, account, owed, limit });
    }
}

/// Takes what a member owes from its wallet; whether anything.
pub(super) fn pay_tab(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address) -> bool {
    let before = ctx.savepoint();
    // A reading over a long time is billed at once, also by terms that are newer than the interval's.
    let now = at.grid.interval_at(ctx.time_ms());
    let newest = terms::record_at(ctx, at.id, at.grid, now).map_or(at.terms_ms, |record| record.set_ms);
    let terms_ms = if planted!("notice-of-the-interval") { at.terms_ms } else { newest.max(at.terms_ms) };
    let by = tab::By::Settlement { interval: at.interval, terms_ms };
    let paid = tab::pay(ctx, at.id, at.grid, account, by);
    if paid.is_err() {
        ctx.rollback(before); // as in `move_between`
    }
    paid.is_ok_and(|amount| amount > Amount::ZERO)
}
