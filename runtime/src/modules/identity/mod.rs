//! Accounts, the keys that act for them, who may act on whose behalf, and who pays for whom.
//!
//! An account's record comes into being when somebody pays it or creates it. Its address is the hash of its first
//! key, so until its keys are changed that key acts for it and need not be stored.

mod create_account;
mod grant;
mod grants;
pub mod keys;
mod limits;
mod list;
pub mod query;
pub mod records;
mod revoke_grant;
mod set_authority;
mod sponsor;
mod unsponsor;

pub(crate) use create_account::create;
pub(crate) use grants::{act, named_book, permit, permit_book, permit_entry, spend, weight as grant_weight};
pub(crate) use sponsor::{spend_deposit, sponsor_account};

use super::invariants::{self, Entry, Sums, Violation};
use crate::keys::ListSide;
use crate::keys::tag;
use records::{Account, Grant, Sponsorship};
use wattle_primitives::call::IdentityCall;
use wattle_primitives::call::identity::Authority;
use wattle_primitives::{Address, Hash, PublicKey};

actions! { IdentityCall { CreateAccount, SetAuthority, Sponsor, Unsponsor, Grant, RevokeGrant } }

/// An account's assets are listed, and the grants and sponsorships that it made or was given; a sponsorship and a grant
/// give their deposits back.
#[derive(Default)]
pub(super) struct Rules;

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        match entry.tag() {
            tag::ACCOUNT => sums.expect("account assets", u64::from(entry.record::<Account>().assets)),
            tag::SPONSORSHIP => {
                let (parties, sponsorship): ([Address; 2], Sponsorship) = (entry.name(), entry.record());
                sums.owe(&sponsorship.deposit);
                let [sponsor, grantee] = parties;
                let others = [grantee, sponsor];
                let lists = ListSide::BOTH.into_iter().zip(parties).zip(others).zip(sponsorship.index);
                for (((side, account), other), index) in lists {
                    let listed = entry.state.read(keys::sponsorship_index(side, &account, index));
                    let id = Hash(account.0);
                    invariants::require(listed == Some(other), id, "a sponsorship stands in both lists")?;
                    sums.found("sponsorships");
                }
            }
            tag::SPONSORSHIP_COUNT => sums.expect("sponsorships", u64::from(entry.record::<u32>())),
            tag::GRANT_COUNT => sums.expect("grants", u64::from(entry.record::<u32>())),
            tag::GRANT => {
                let (id, grant): (Hash, Grant) = (entry.name(), entry.record());
                sums.owe(&grant.deposit);
                let lists = ListSide::BOTH.into_iter().zip([grant.grantor, grant.grantee]).zip(grant.index);
                for ((side, account), index) in lists {
                    let listed = entry.state.read(keys::grant_index(side, &account, index));
                    invariants::require(listed == Some(id), id, "a grant stands in both lists")?;
                    sums.found("grants");
                }
            }
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
