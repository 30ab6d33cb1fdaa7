use crate::keys;
use crate::modules::ledger::records::Asset;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::token::{Issue, SCALE_MAX};
use wattle_primitives::event::TokenEvent;
use wattle_primitives::{AssetId, Reason, Weight};

impl Action for Issue {
    fn check(&self) -> Result<(), Reason> {
        if self.scale > SCALE_MAX { Err(Reason::OutOfRange) } else { Ok(()) }
    }

    fn weight(&self) -> Weight {
        weights::keys(5)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (issuer, symbol, scale) = (ctx.on_behalf_of(), &self.symbol, self.scale);
        ledger::deposit(ctx)?;
        let mut counters = ctx.counters();
        let asset = AssetId(counters.assets);
        counters.assets = counters.assets.checked_add(1).ok_or(Reason::Overflow)?;
        ctx.state.write(keys::counters(), &counters);
        ctx.state.write(keys::asset(asset), &Asset { symbol: symbol.clone(), scale, issuer: Some(issuer) });
        ctx.emit(TokenEvent::AssetIssued { asset, symbol: symbol.clone(), scale, issuer });
        Ok(())
    }
}
