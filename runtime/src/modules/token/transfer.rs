use super::check_amount;
use crate::modules::ledger::{self, wallet};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::call::token::Transfer;
use wattle_primitives::{AssetId, Reason, Weight};

impl Action for Transfer {
    fn check(&self) -> Result<(), Reason> {
        check_amount(self.amount)
    }

    /// Two balances; for a new one the asset, its account and the deposits; in another asset than the native one its
    /// place in the account's list, and the wallet that pays the deposit.
    fn weight(&self) -> Weight {
        weights::keys(if self.asset == AssetId::NATIVE { 5 } else { 7 })
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { to, asset, amount } = *self;
        let debit = wallet(ctx.on_behalf_of());
        ledger::post_entry(ctx, &Entry::new(debit, wallet(to), asset, amount))
    }
}
