use super::check_amount;
use crate::keys;
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::ledger::{self, wallet};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::call::token::Mint;
use wattle_primitives::{Reason, Weight};

impl Action for Mint {
    fn check(&self) -> Result<(), Reason> {
        check_amount(self.amount)
    }

    fn weight(&self) -> Weight {
        weights::keys(7)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let asset = ctx.state.read(keys::asset(self.asset)).ok_or(Reason::UnknownAsset)?;
        if asset.issuer != Some(ctx.on_behalf_of()) {
            return Err(Reason::NotAllowed);
        }
        let Self { asset, to, amount } = *self;
        ledger::post_entry(ctx, &Entry::new(ISSUANCE, wallet(to), asset, amount))
    }
}
