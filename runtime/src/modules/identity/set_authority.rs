use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::identity::SetAuthority;
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Reason, Weight};

impl Action for SetAuthority {
    fn check(&self) -> Result<(), Reason> {
        self.authority.check().map_err(|_| Reason::BadAuthority)
    }

    fn weight(&self) -> Weight {
        weights::keys(3)
    }

    fn reach(&self) -> Reach {
        Reach::Never
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let sender = ctx.on_behalf_of();
        let key = keys::account(&sender);
        let mut account = ctx.state.read(key).ok_or(Reason::UnknownAccount)?;
        account.authority = Some(self.authority.clone());
        ctx.state.write(key, &account);
        ctx.emit(IdentityEvent::AuthorityChanged { account: sender });
        Ok(())
    }
}
