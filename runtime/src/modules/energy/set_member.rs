use super::{operated, tab};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::energy::SetMember;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Reason, Weight};

impl Action for SetMember {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(26)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { microgrid, account, credit_limit } = *self;
        let mut grid = operated(ctx, &microgrid)?;
        if !ctx.state.contains(keys::account(&account)) {
            return Err(Reason::UnknownAccount);
        }
        let mut member = tab::join(ctx, &microgrid, &mut grid, account, credit_limit)?;
        ctx.state.write(keys::microgrid(&microgrid), &grid);
        if member.credit_limit != credit_limit {
            member.credit_limit = credit_limit;
            ctx.state.write(keys::member(&microgrid, &account), &member);
            ctx.emit(EnergyEvent::MemberSet { microgrid, account, code: member.code, credit_limit });
        }
        Ok(())
    }
}
