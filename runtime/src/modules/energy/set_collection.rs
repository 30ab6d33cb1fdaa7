use super::{microgrid, tab};
use crate::keys;
use crate::modules::{Action, Ctx, weights};
use wattle_primitives::call::energy::SetCollection;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Address, Hash, Reason, Weight};

impl Action for SetCollection {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(20)
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        set_collection(ctx, &self.microgrid, ctx.on_behalf_of(), self.on)
    }
}

/// Lets settlement debit a member's wallet, or no longer.
pub(crate) fn set_collection(ctx: &mut Ctx<'_>, id: &Hash, account: Address, on: bool) -> Result<(), Reason> {
    microgrid(ctx, id)?;
    let mut member = tab::member(ctx, id, &account)?;
    if member.collect != on {
        member.collect = on;
        ctx.state.write(keys::member(id, &account), &member);
        ctx.emit(EnergyEvent::CollectionSet { microgrid: *id, account, on });
    }
    Ok(())
}
