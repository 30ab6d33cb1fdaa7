//! Members' credit: how much each owes, and how much it may.
//!
//! A member owes what its accounts come to, without what is only estimated, what its credit-backed deals have reserved,
//! and what it may come to owe for energy it sold in intervals that are not settled, as far as what it is owed does not
//! cover it.
//! Above its limit it places no orders and authorises no deal until it has paid.
//!
//! The limit is the member's own, or else the terms' of the current interval. The operator has none: it is the one
//! who lends.

use super::records::{Member, Microgrid};
use super::tab::{self, Tab};
use super::terms;
use crate::keys;
use crate::modules::Ctx;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, Reason};

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its debt, reservations for deals included, base units.
    pub(crate) owed: Amount,
    /// Its credit limit, base units; `None` for the operator.
    pub(crate) limit: Option<Amount>,
}

impl Standing {
    /// Whether it owes no more than it may.
    #[must_use]
    pub(crate) fn is_good(&self) -> bool {
        self.limit.is_none_or(|limit| self.owed <= limit)
    }
}

/// Where a member stands now.
pub(crate) fn standing(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    account: &Address,
) -> Result<Standing, Reason> {
    let member = tab::member(ctx, id, account)?;
    let debt = match tab::balance(ctx, grid, member.code) {
        Tab::Owes(_) => tab::receivable(ctx, grid, member.code).saturating_add(member.exposed),
        Tab::Even => member.exposed,
        Tab::Due(due) => member.exposed.saturating_sub(due),
    };
    let limit = match member.credit_limit {
        _ if member.code == tab::OPERATOR => None,
        Some(limit) => Some(limit),
        None => {
            let current = current(ctx, grid);
            Some(terms::at(ctx, id, grid, current).map_or(Amount::ZERO, |terms| terms.credit_limit))
        }
    };
    Ok(Standing { owed: debt.saturating_add(member.reserved), limit })
}

/// The interval of the block's time, or the first that will be settled if that is later.
pub(crate) fn current(ctx: &Ctx<'_>, grid: &Microgrid) -> IntervalId {
    let now = grid.interval_at(ctx.time_ms());
    grid.agenda.map_or(now, |agenda| agenda.settle.max(now))
}

/// Refuses a member who owes more than it may.
pub(crate) fn check(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, account: &Address) -> Result<(), Reason> {
    if standing(ctx, id, grid, account)?.is_good() { Ok(()) } else { Err(Reason::CreditExceeded) }
}

/// Refuses a member who owes more than it may even with what is `coming` to its tab.
pub(crate) fn check_with(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    account: &Address,
    coming: Amount,
) -> Result<(), Reason> {
    let Standing { owed, limit } = standing(ctx, id, grid, account)?;
    if (Standing { owed: owed.saturating_sub(coming), limit }).is_good() {
        Ok(())
    } else {
        Err(Reason::CreditExceeded)
    }
}

/// Reserves `amount` of a member's credit, if it has so much.
pub(crate) fn reserve(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    account: &Address,
    amount: Amount,
) -> Result<(), Reason> {
    let mut member = tab::member(ctx, id, account)?;
    member.reserved = member.reserved.checked_add(amount).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::member(id, account), &member);
    check(ctx, id, grid, account)
}

/// Gives reserved credit back.
pub(crate) fn release(ctx: &mut Ctx<'_>, id: &Hash, account: &Address, amount: Amount) -> Result<(), Reason> {
    let mut member: Member = tab::member(ctx, id, account)?;
    member.reserved = member.reserved.checked_sub(amount).ok_or(Reason::ExceedsHold)?;
    ctx.state.write(keys::member(id, account), &member);
    Ok(())
}
