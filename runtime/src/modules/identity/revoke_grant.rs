use super::list;
use super::records::Grant;
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::identity::RevokeGrant;
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Reason, Weight};

/// Keys that the end of a grant touches: itself, both lists and their counts, the last of each list and its
/// record, deposits, the wallet they go back to.
const REVOKE_KEYS: u64 = 11;

impl Action for RevokeGrant {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(REVOKE_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Never
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, by) = (&self.grant, ctx.on_behalf_of());
        let key = keys::grant(id);
        let Grant { grantor, grantee, index, deposit, .. } =
            ctx.state.read(key).ok_or(Reason::UnknownGrant)?;
        if by != grantor && by != grantee {
            return Err(Reason::NotAllowed);
        }
        ctx.state.remove(key);
        list::remove_grant(ctx, [grantor, grantee], index);
        ctx.emit(IdentityEvent::GrantRevoked { grant: *id, grantor, grantee });
        ledger::refund(ctx, &deposit)
    }
}
