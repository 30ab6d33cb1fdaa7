//! The identity module's keys in state.

use super::records::{Grant, Sponsorship};
use crate::key::{Key, tag};
use wattle_primitives::{Address, Hash};

pub use wattle_primitives::state_key::account;

/// A sponsorship.
#[must_use]
pub fn sponsorship(sponsor: &Address, grantee: &Address) -> Key<Sponsorship> {
    Key::new(tag::SPONSORSHIP).with(sponsor.as_bytes()).with(grantee.as_bytes())
}

/// A grant.
#[must_use]
pub fn grant(id: &Hash) -> Key<Grant> {
    Key::new(tag::GRANT).with(id.as_bytes())
}

/// Which of an account's two lists of grants, or of sponsorships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ListSide {
    /// Those it made, as grantor or as sponsor.
    Grantor = 0,
    /// Those it was given.
    Grantee = 1,
}

impl ListSide {
    /// Both, in the order of an index.
    pub const BOTH: [Self; 2] = [Self::Grantor, Self::Grantee];

    /// The part of an index.
    pub(super) const fn of(self, index: &mut [u32; 2]) -> &mut u32 {
        let [grantor, grantee] = index;
        match self {
            Self::Grantor => grantor,
            Self::Grantee => grantee,
        }
    }

    /// The sponsorship in an account's list with `other` on its other side.
    pub(crate) fn sponsorship(self, account: &Address, other: &Address) -> Key<Sponsorship> {
        match self {
            Self::Grantor => sponsorship(account, other),
            Self::Grantee => sponsorship(other, account),
        }
    }
}

/// Length of a list of grants.
#[must_use]
pub fn grant_count(side: ListSide, account: &Address) -> Key<u32> {
    Key::new(tag::GRANT_COUNT).with(&[side as u8]).with(account.as_bytes())
}

/// Grant number `index` of a list.
#[must_use]
pub fn grant_index(side: ListSide, account: &Address, index: u32) -> Key<Hash> {
    Key::new(tag::GRANT_INDEX).with(&[side as u8]).with(account.as_bytes()).with(&index.to_le_bytes())
}

/// Length of a list of sponsorships.
#[must_use]
pub fn sponsorship_count(side: ListSide, account: &Address) -> Key<u32> {
    Key::new(tag::SPONSORSHIP_COUNT).with(&[side as u8]).with(account.as_bytes())
}

/// The account on the other side of sponsorship number `index` of a list.
#[must_use]
pub fn sponsorship_index(side: ListSide, account: &Address, index: u32) -> Key<Address> {
    Key::new(tag::SPONSORSHIP_INDEX).with(&[side as u8]).with(account.as_bytes()).with(&index.to_le_bytes())
}
