use super::list;
use super::records::Sponsorship;
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::identity::Unsponsor;
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Reason, Weight};

/// Keys that the end of a sponsorship touches: itself, both lists and their counts, the last of each list and its
/// record, deposits, the wallet they go back to.
const UNSPONSOR_KEYS: u64 = 11;

impl Action for Unsponsor {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(UNSPONSOR_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Never
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (sponsor, grantee) = (ctx.on_behalf_of(), self.grantee);
        let key = keys::sponsorship(&sponsor, &grantee);
        let Sponsorship { index, deposit, .. } = ctx.state.read(key).ok_or(Reason::UnknownGrant)?;
        ctx.state.remove(key);
        list::remove_sponsorship(ctx, [sponsor, grantee], index);
        ctx.emit(IdentityEvent::SponsorshipEnded { sponsor, grantee });
        ledger::refund(ctx, &deposit)
    }
}
