use super::records::{Allowance, Grant as Record};
use super::{create, list};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::identity::{Grant, grant_id};
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Reason, Weight};

/// Keys that a grant touches: itself, its grantee's account, both lists and their counts, the payer's wallet, deposits
/// and their asset.
const GRANT_KEYS: u64 = 9;

impl Action for Grant {
    fn check(&self) -> Result<(), Reason> {
        if self.limits.are_sound() { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        let books = u64::try_from(self.limits.books.len()).unwrap_or(u64::MAX);
        weights::keys(GRANT_KEYS.saturating_add(books))
    }

    fn reach(&self) -> Reach {
        Reach::Never
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (grantor, grantee, limits) = (ctx.on_behalf_of(), self.grantee, self.limits.clone());
        if grantee == grantor {
            return Err(Reason::SameAccount);
        }
        if limits.expires_ms <= ctx.time_ms() {
            return Err(Reason::BadTime);
        }
        limits.books.iter().try_for_each(|book| ledger::require_owner(ctx, *book).map(drop))?;
        let id = grant_id(&grantor, &self.reference);
        if ctx.state.contains(keys::grant(&id)) {
            return Err(Reason::AlreadyExists);
        }
        if !ctx.state.contains(keys::account(&grantee)) {
            create(ctx, grantee)?;
        }
        let index = list::add_grant(ctx, [grantor, grantee], &id)?;
        let (allowance, deposit) = (Allowance::new(limits.clone()), ledger::deposit(ctx)?);
        ctx.state.write(keys::grant(&id), &Record { grantor, grantee, allowance, index, deposit });
        ctx.emit(IdentityEvent::GrantMade { grant: id, grantor, grantee, limits });
        Ok(())
    }
}
