//! Collecting what members owe, while an interval is settled.

use super::tab::{self, OPERATOR};
use super::terms;
use super::work::At;
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Address, Amount, planted};

/// Keys of paying a tab: member, its four accounts, the record of two, wallet, two dues, mandate, newest terms.
pub(super) const PAY_KEYS: u64 = 11 + super::TERMS_KEYS;

/// Takes what a member owes from its wallet, as far as there is money, and says when it begins to owe too much: more
/// than what it owed `before` without estimates.
pub(super) fn collect(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address, code: u32, before: Amount) {
    if tab::owed(ctx, at.grid, code) == Amount::ZERO {
        return;
    }
    pay_tab(ctx, at, account);
    let owed = tab::receivable(ctx, at.grid, code);
    let Some(member) = ctx.state.read(keys::member(at.id, &account)) else { return };
    let limit = member.credit_limit.unwrap_or(at.terms.credit_limit);
    if owed > limit && before <= limit && code != OPERATOR {
        ctx.emit(EnergyEvent::CreditExceeded { microgrid: *at.id, account, owed, limit });
    }
}

/// Takes what a member owes from its wallet; whether anything.
pub(super) fn pay_tab(ctx: &mut Ctx<'_>, at: &At<'_>, account: Address) -> bool {
    // A reading over a long time is billed at once, also by terms that are newer than the interval's.
    let now = at.grid.interval_at(ctx.time_ms());
    let newest = terms::record_at(ctx, at.id, at.grid, now).map_or(at.terms_ms, |record| record.set_ms);
    let terms_ms = if planted!("notice-of-the-interval") { at.terms_ms } else { newest.max(at.terms_ms) };
    let by = tab::By::Settlement { interval: at.interval, terms_ms };
    // As in `move_between`.
    ctx.attempt(|ctx| tab::pay(ctx, at.id, at.grid, account, by)).is_some_and(|amount| amount > Amount::ZERO)
}
