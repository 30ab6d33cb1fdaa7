use super::records::Account;
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::identity::CreateAccount;
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Address, Reason, Weight};

impl Action for CreateAccount {
    fn check(&self) -> Result<(), Reason> {
        if self.key.is_small_order() { Err(Reason::BadAuthority) } else { Ok(()) }
    }

    fn weight(&self) -> Weight {
        weights::keys(4)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        create(ctx, Address::of_key(&self.key))
    }
}

/// Creates an account's record; the payer pays the deposit.
pub(crate) fn create(ctx: &mut Ctx<'_>, address: Address) -> Result<(), Reason> {
    let key = keys::account(&address);
    if ctx.state.contains(key) {
        return Err(Reason::AlreadyExists);
    }
    ledger::deposit(ctx)?;
    ctx.state.write(key, &Account::default());
    ctx.emit(IdentityEvent::AccountCreated { account: address });
    Ok(())
}
