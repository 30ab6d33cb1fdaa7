use super::records::Operator;
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, token, weights};
use wattle_primitives::call::paygo::{SetPaygoOperator, energy_issuer};
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Reason, Weight};

/// Name of an operator's energy.
const SYMBOL: &str = "WH";

impl Action for SetPaygoOperator {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(7)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { asset, daily_cap } = *self;
        let account = ctx.on_behalf_of();
        let key = keys::paygo_operator(&account);
        let operator = match ctx.state.read(key) {
            Some(known) if known.asset != asset => return Err(Reason::AssetMismatch),
            Some(known) => Operator { daily_cap, ..known },
            None => {
                if !ctx.state.contains(keys::asset(asset)) {
                    return Err(Reason::UnknownAsset);
                }
                ledger::deposit(ctx)?;
                let symbol = SYMBOL.parse().map_err(|_| Reason::OutOfRange)?;
                let energy = token::issue(ctx, energy_issuer(&account), symbol, 0)?;
                Operator { asset, energy, daily_cap, devices: 0 }
            }
        };
        ctx.state.write(key, &operator);
        let energy = operator.energy;
        ctx.emit(PaygoEvent::PaygoOperatorSet { operator: account, asset, energy, daily_cap });
        Ok(())
    }
}
