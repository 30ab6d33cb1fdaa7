use super::check_amount;
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::ledger::{self, wallet};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::call::token::Burn;
use wattle_primitives::{Reason, Weight};

impl Action for Burn {
    fn check(&self) -> Result<(), Reason> {
        check_amount(self.amount)
    }

    fn weight(&self) -> Weight {
        weights::keys(3)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { asset, amount } = *self;
        let debit = wallet(ctx.on_behalf_of());
        ledger::post_entry(ctx, &Entry::new(debit, ISSUANCE, asset, amount))
    }
}
