use super::records::Sponsorship;
use crate::keys;
use crate::modules::{Action, Ctx, ledger, weights};
use wattle_primitives::call::identity::Sponsor;
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Address, Amount, Reason, TimeMs, Weight};

impl Action for Sponsor {
    fn check(&self) -> Result<(), Reason> {
        if self.allowance == Amount::ZERO { Err(Reason::ZeroAmount) } else { Ok(()) }
    }

    fn weight(&self) -> Weight {
        weights::keys(4)
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { grantee, allowance, expires_ms } = *self;
        let sponsor = ctx.sender();
        if grantee == sponsor {
            return Err(Reason::SameAccount);
        }
        if expires_ms <= ctx.time_ms() {
            return Err(Reason::BadTime);
        }
        grant(ctx, sponsor, grantee, allowance, expires_ms)
    }
}

/// Writes a sponsorship; a new one costs the sponsor a deposit.
pub(crate) fn grant(
    ctx: &mut Ctx<'_>,
    sponsor: Address,
    grantee: Address,
    allowance: Amount,
    expires_ms: TimeMs,
) -> Result<(), Reason> {
    let key = keys::sponsorship(&sponsor, &grantee);
    let deposit = match ctx.state.read(key) {
        Some(old) => old.deposit,
        None => ledger::deposit(ctx, sponsor)?,
    };
    ctx.state.write(key, &Sponsorship { allowance, expires_ms, deposit });
    ctx.emit(IdentityEvent::SponsorshipGranted { sponsor, grantee, allowance, expires_ms });
    Ok(())
}
