//! The identity module's keys in state.

use super::records::{Account, Sponsorship};
use crate::key::{Key, tag};
use wattle_primitives::Address;

/// An account.
#[must_use]
pub fn account(address: &Address) -> Key<Account> {
    Key::new(tag::ACCOUNT).with(address.as_bytes())
}

/// A sponsorship.
#[must_use]
pub fn sponsorship(sponsor: &Address, grantee: &Address) -> Key<Sponsorship> {
    Key::new(tag::SPONSORSHIP).with(sponsor.as_bytes()).with(grantee.as_bytes())
}
