//! Accounts, the keys that act for them, and who pays for whom.
//!
//! An account's record comes into being when somebody pays it or creates it. Its address is the hash of its first
//! key, so until its keys are changed that key acts for it and need not be stored.

mod create_account;
pub mod keys;
pub mod records;
mod set_authority;
mod sponsor;
mod unsponsor;

pub(crate) use create_account::create;
pub(crate) use sponsor::grant;

use super::invariants::{self, Entry, Sums, Violation};
use crate::keys::tag;
use records::{Account, Sponsorship};
use wattle_primitives::call::IdentityCall;
use wattle_primitives::call::identity::Authority;
use wattle_primitives::{Address, PublicKey};

actions! { IdentityCall { CreateAccount, SetAuthority, Sponsor, Unsponsor } }

/// An account's assets are listed; a sponsorship gives its deposit back.
#[derive(Default)]
pub(super) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        match entry.tag() {
            tag::ACCOUNT => sums.expect("account assets", u64::from(entry.record::<Account>().assets)),
            tag::SPONSORSHIP => sums.owe(entry.record::<Sponsorship>().deposit),
            _ => {}
        }
        Ok(())
    }
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
