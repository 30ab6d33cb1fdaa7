use super::list;
use super::records::{Allowance, Sponsorship};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::identity::{Limits, Sponsor};
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::{Address, Amount, AssetId, Reason, Weight, planted};

/// Keys that a sponsorship touches: itself, both lists and their counts, the payer's wallet, deposits and their asset.
const SPONSOR_KEYS: u64 = 8;

impl Action for Sponsor {
    fn check(&self) -> Result<(), Reason> {
        let limits = &self.limits;
        let [native] = *limits.spending else { return Err(Reason::OutOfRange) };
        if native.total == Some(Amount::ZERO) {
            return Err(Reason::ZeroAmount);
        }
        let of_fees = native.asset == AssetId::NATIVE && native.cosign_above.is_none();
        let open = limits.counterparties.is_empty() && limits.books.is_empty();
        if of_fees && open && limits.are_sound() { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        weights::keys(SPONSOR_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Never
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (sponsor, grantee) = (ctx.on_behalf_of(), self.grantee);
        if grantee == sponsor {
            return Err(Reason::SameAccount);
        }
        if self.limits.expires_ms <= ctx.time_ms() {
            return Err(Reason::BadTime);
        }
        sponsor_account(ctx, sponsor, grantee, self.limits.clone())
    }
}

/// Writes a sponsorship; a new one costs a deposit.
pub(crate) fn sponsor_account(
    ctx: &mut Ctx<'_>,
    sponsor: Address,
    grantee: Address,
    limits: Limits,
) -> Result<(), Reason> {
    let key = keys::sponsorship(&sponsor, &grantee);
    let (index, deposit) = match ctx.state.read(key) {
        Some(old) => (old.index, old.deposit),
        None => (list::add_sponsorship(ctx, [sponsor, grantee])?, ledger::deposit(ctx)?),
    };
    ctx.state.write(key, &Sponsorship { allowance: Allowance::new(limits.clone()), index, deposit });
    ctx.emit(IdentityEvent::SponsorshipGranted { sponsor, grantee, limits });
    Ok(())
}

/// Debits the payer's sponsorship of the actor with a deposit, where it pays by one.
pub(crate) fn spend_deposit(ctx: &mut Ctx<'_>, amount: Amount) -> Result<(), Reason> {
    if !ctx.is_sponsored() || planted!("sponsor-deposit-not-drawn") {
        return Ok(());
    }
    let key = keys::sponsorship(&ctx.payer(), &ctx.actor());
    let mut sponsorship: Sponsorship = ctx.state.read(key).ok_or(Reason::UnknownGrant)?;
    sponsorship.allowance.spend(ctx.time_ms(), AssetId::NATIVE, amount, false)?;
    ctx.state.write(key, &sponsorship);
    Ok(())
}
