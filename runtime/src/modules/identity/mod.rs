//! Accounts, the keys that act for them, and who pays for whom.
//!
//! An account's record comes into being when somebody pays it or creates it. Its address is the hash of its first
//! key, so until its keys are changed that key acts for it and need not be stored.

mod create_account;
pub(crate) mod invariants;
pub mod keys;
pub mod records;
mod set_authority;
mod sponsor;
mod unsponsor;

pub(crate) use create_account::create;
pub(crate) use sponsor::grant;

use wattle_primitives::call::IdentityCall;
use wattle_primitives::call::identity::Authority;
use wattle_primitives::{Address, PublicKey};

actions! { IdentityCall { CreateAccount, SetAuthority, Sponsor, Unsponsor } }

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
