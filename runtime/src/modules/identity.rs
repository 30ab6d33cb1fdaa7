//! Accounts, the keys that act for them, and who pays for whom.
//!
//! An account's record comes into being when somebody pays it or creates it. Its address is the hash of its first
//! key, so until its keys are changed that key acts for it and need not be stored.

use super::records::{Account, Sponsorship};
use super::{Ctx, Module, ledger, weights};
use crate::keys;
use wattle_primitives::call::IdentityCall;
use wattle_primitives::call::identity::Authority;
use wattle_primitives::{Address, Amount, Event, PublicKey, Reason, TimeMs, Weight};

/// The module.
#[derive(Debug)]
pub struct Identity;

impl Module for Identity {
    type Call = IdentityCall;

    fn check(call: &IdentityCall) -> Result<(), Reason> {
        match call {
            IdentityCall::CreateAccount { key } if key.is_small_order() => Err(Reason::BadAuthority),
            IdentityCall::SetAuthority { authority } => authority.check().map_err(|_| Reason::BadAuthority),
            IdentityCall::Sponsor { allowance: Amount(0), .. } => Err(Reason::ZeroAmount),
            _ => Ok(()),
        }
    }

    fn weight(call: &IdentityCall) -> Weight {
        match call {
            IdentityCall::CreateAccount { .. } => weights::keys(4),
            IdentityCall::SetAuthority { .. } => weights::keys(3),
            IdentityCall::Sponsor { .. } | IdentityCall::Unsponsor { .. } => weights::keys(4),
        }
    }

    fn execute(ctx: &mut Ctx<'_>, call: &IdentityCall) -> Result<(), Reason> {
        let sender = ctx.sender();
        match call {
            IdentityCall::CreateAccount { key } => create(ctx, Address::of_key(key), sender),
            IdentityCall::SetAuthority { authority } => set_authority(ctx, authority),
            IdentityCall::Sponsor { grantee, allowance, expires_ms } => {
                sponsor(ctx, *grantee, *allowance, *expires_ms)
            }
            IdentityCall::Unsponsor { grantee } => unsponsor(ctx, *grantee),
        }
    }
}

/// Creates an account's record; `payer` pays the deposit.
pub(crate) fn create(ctx: &mut Ctx<'_>, address: Address, payer: Address) -> Result<(), Reason> {
    let key = keys::account(&address);
    if ctx.state.contains(key) {
        return Err(Reason::AlreadyExists);
    }
    ledger::deposit(ctx, payer)?;
    ctx.state.write(key, &Account::default());
    ctx.emit(Event::AccountCreated { account: address });
    Ok(())
}

/// How much `signed` weighs for `address`, and how much is needed.
pub(crate) fn weigh_keys<'k>(
    address: &Address,
    authority: Option<&Authority>,
    signed: impl Iterator<Item = &'k PublicKey>,
) -> (u32, u32) {
    let (weight, threshold) = match authority {
        Some(authority) => {
            let sum = signed.fold(0u32, |sum, key| sum.saturating_add(authority.weight_of(key)));
            (sum, authority.threshold)
        }
        None => (u32::from(signed.into_iter().any(|key| Address::of_key(key) == *address)), 1),
    };
    (weight, threshold)
}

fn set_authority(ctx: &mut Ctx<'_>, authority: &Authority) -> Result<(), Reason> {
    let sender = ctx.sender();
    let key = keys::account(&sender);
    let mut account: Account = ctx.state.read(key).ok_or(Reason::UnknownAccount)?;
    account.authority = Some(authority.clone());
    ctx.state.write(key, &account);
    ctx.emit(Event::AuthorityChanged { account: sender });
    Ok(())
}

fn sponsor(ctx: &mut Ctx<'_>, grantee: Address, allowance: Amount, expires_ms: TimeMs) -> Result<(), Reason> {
    let sponsor = ctx.sender();
    if grantee == sponsor {
        return Err(Reason::SameAccount);
    }
    if expires_ms <= ctx.time_ms() {
        return Err(Reason::BadTime);
    }
    grant(ctx, sponsor, grantee, allowance, expires_ms)
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
    let deposit = match ctx.state.read::<Sponsorship>(key) {
        Some(old) => old.deposit,
        None => ledger::deposit(ctx, sponsor)?,
    };
    ctx.state.write(key, &Sponsorship { allowance, expires_ms, deposit });
    ctx.emit(Event::SponsorshipGranted { sponsor, grantee, allowance, expires_ms });
    Ok(())
}

fn unsponsor(ctx: &mut Ctx<'_>, grantee: Address) -> Result<(), Reason> {
    let sponsor = ctx.sender();
    let key = keys::sponsorship(&sponsor, &grantee);
    let old: Sponsorship = ctx.state.read(key).ok_or(Reason::UnknownSponsorship)?;
    ctx.state.remove(key);
    ctx.emit(Event::SponsorshipEnded { sponsor, grantee });
    ledger::refund(ctx, sponsor, old.deposit)
}
