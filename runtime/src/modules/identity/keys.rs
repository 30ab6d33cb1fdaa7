//! The identity module's keys in state.

use super::records::Sponsorship;
use crate::key::{Key, tag};
use wattle_primitives::Address;

pub use wattle_primitives::state_key::account;

/// A sponsorship.
#[must_use]
pub fn sponsorship(sponsor: &Address, grantee: &Address) -> Key<Sponsorship> {
    Key::new(tag::SPONSORSHIP).with(sponsor.as_bytes()).with(grantee.as_bytes())
}
