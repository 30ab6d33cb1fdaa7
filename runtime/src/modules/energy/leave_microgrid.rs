use super::lines::Lines;
use super::records::Member;
use super::tab::{self, By, Tab};
use super::{mandate, microgrid};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use crate::records::DueKind;
use wattle_primitives::call::energy::LeaveMicrogrid;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Amount, Reason, Weight, planted};

impl Action for LeaveMicrogrid {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(35)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, account) = (&self.microgrid, ctx.on_behalf_of());
        let mut grid = microgrid(ctx, id)?;
        if account == grid.operator {
            return Err(Reason::NotAllowed);
        }
        let code = tab::member(ctx, id, &account)?.code;
        let interval = grid.interval_at(ctx.time_ms());
        Lines { id, grid: &grid, interval, account, code }.end_month(ctx)?;
        tab::pay(ctx, id, &grid, account, By::Member)?;
        let member = tab::member(ctx, id, &account)?;
        let over = grid.agenda.is_none_or(|agenda| agenda.finalize > member.until)
            // Before the first interval none is waited for, and a deal that is over waits for room in a block.
            && ((member.until < interval && nothing_overdue(ctx)) || planted!("deal-outlives-member"));
        let estimated = tab::estimates(ctx, &grid, member.code) > Amount::ZERO;
        if !over || !is_free(&member) || estimated {
            return Err(Reason::MemberEngaged);
        }
        if tab::balance(ctx, &grid, member.code) != Tab::Even {
            return Err(Reason::TabNotEven);
        }
        ctx.state.remove(keys::member(id, &account));
        ctx.state.remove(keys::member_index(id, member.code));
        grid.left = grid.left.checked_add(1).ok_or(Reason::Overflow)?;
        ctx.state.write(keys::microgrid(id), &grid);
        ctx.emit(EnergyEvent::MemberLeft { microgrid: *id, account, code: member.code });
        mandate::revoke(ctx, id, &account)?;
        ledger::refund(ctx, &member.deposit)
    }
}

/// Whether each deal that is over has ended: only its parties' records can take what it comes to.
fn nothing_overdue(ctx: &Ctx<'_>) -> bool {
    ctx.state.due(DueKind::Deal, ctx.time_ms(), 1).is_empty()
}

/// Whether nothing of a member's can still come to be billed.
fn is_free(member: &Member) -> bool {
    member.meters == 0 && [member.reserved, member.exposed].iter().all(|amount| *amount == Amount::ZERO)
}
