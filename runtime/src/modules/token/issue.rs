use crate::keys;
use crate::modules::ledger::records::Asset;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::token::{Issue, SCALE_MAX, Symbol};
use wattle_primitives::event::TokenEvent;
use wattle_primitives::{Address, AssetId, Reason, Weight};

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
        issue(ctx, ctx.on_behalf_of(), self.symbol.clone(), self.scale).map(drop)
    }
}

/// Makes an asset of `issuer`'s; the payer pays.
pub(crate) fn issue(
    ctx: &mut Ctx<'_>,
    issuer: Address,
    symbol: Symbol,
    scale: u8,
) -> Result<AssetId, Reason> {
    ledger::deposit(ctx)?;
    let mut counters = ctx.counters();
    let asset = AssetId(counters.assets);
    counters.assets = counters.assets.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::counters(), &counters);
    let record = Asset { symbol: symbol.clone(), scale, issuer: Some(issuer) };
    ctx.state.write(keys::asset(asset), &record);
    ctx.emit(TokenEvent::AssetIssued { asset, symbol, scale, issuer });
    Ok(asset)
}
