//! Calls about keys, who pays, and who may act for whom.

mod create_account;
mod grant;
mod limits;
mod revoke_grant;
mod set_authority;
mod sponsor;
mod unsponsor;

pub use create_account::CreateAccount;
pub use grant::{Grant, grant_id};
pub use limits::{Calls, LIMIT_ASSETS_MAX, LIMIT_CALLS_MAX, LIMIT_PARTIES_MAX, Limits, PerPeriod, Spending};
pub use revoke_grant::RevokeGrant;
pub use set_authority::SetAuthority;
pub use sponsor::Sponsor;
pub use unsponsor::Unsponsor;

use crate::{BoundedVec, PublicKey};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most keys of one account.
pub const KEYS_MAX: usize = 16;

/// A key and how much its signature counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyWeight {
    /// The key.
    pub key: PublicKey,
    /// At least 1.
    pub weight: u16,
}

/// Who can act for an account: keys, sorted and distinct, whose weights must reach the threshold.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// The keys.
    pub keys: BoundedVec<KeyWeight, KEYS_MAX>,
    /// Weight needed, at least 1 and at most the sum of weights.
    pub threshold: u32,
}

/// Why keys are no authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// No key, not sorted, or one twice.
    #[error("keys must be distinct and sorted, one at least")]
    Keys,
    /// A key of small order.
    #[error("a key has small order")]
    SmallOrder,
    /// A weight of zero, or a threshold of zero or that nobody reaches.
    #[error("weights must be positive and reach a positive threshold")]
    Threshold,
}

impl Authority {
    /// One key that acts alone.
    #[must_use]
    pub fn single(key: PublicKey) -> Self {
        let keys = BoundedVec::new(vec![KeyWeight { key, weight: 1 }]).unwrap_or_default(); // 1 <= KEYS_MAX
        Self { keys, threshold: 1 }
    }

    /// Checks the rules above.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn check(&self) -> Result<(), AuthorityError> {
        if self.keys.is_empty() || self.keys.windows(2).any(|pair| pair[0].key >= pair[1].key) {
            return Err(AuthorityError::Keys);
        }
        if self.keys.iter().any(|k| k.key.is_small_order()) {
            return Err(AuthorityError::SmallOrder);
        }
        let sum = self.keys.iter().fold(0u32, |sum, k| sum.saturating_add(u32::from(k.weight)));
        let positive = self.threshold > 0 && self.keys.iter().all(|k| k.weight > 0);
        if positive && self.threshold <= sum { Ok(()) } else { Err(AuthorityError::Threshold) }
    }

    /// Weight of `key`, 0 when it is not one of these.
    #[must_use]
    pub fn weight_of(&self, key: &PublicKey) -> u32 {
        let at = self.keys.binary_search_by_key(key, |k| k.key).ok();
        at.and_then(|at| self.keys.get(at)).map_or(0, |k| u32::from(k.weight))
    }
}

calls! {
    /// Calls to the identity module.
    Identity(IdentityCall) {
        create_account: CreateAccount = 0,
        set_authority: SetAuthority = 1,
        sponsor: Sponsor = 2,
        unsponsor: Unsponsor = 3,
        grant: Grant = 4,
        revoke_grant: RevokeGrant = 5,
    }
}
