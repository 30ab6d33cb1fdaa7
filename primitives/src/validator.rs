//! Validator sets: keys with voting power, in a fixed order.

use crate::{Hash, PublicKey, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most validators in a set.
pub const VALIDATORS_MAX: usize = 256;
/// Most voting power of a whole set: sums of a few sets still fit 64 bits.
pub const POWER_TOTAL_MAX: u64 = 1 << 48;

/// Voting power: how much a validator's vote counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct VotingPower(pub u64);

/// A validator's position in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ValidatorIndex(pub u16);

/// One member of a set.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Key that signs votes.
    pub key: PublicKey,
    /// Voting power, at least 1.
    pub power: VotingPower,
}

/// A set whose rules hold: 1..=256 members, sorted by key, distinct, no key of small order, powers of at least 1
/// that sum to at most [`POWER_TOTAL_MAX`].
#[derive(Clone, PartialEq, Eq, BorshSerialize, Serialize)]
#[serde(transparent)]
pub struct ValidatorSet {
    members: Vec<Validator>,
    #[borsh(skip)]
    #[serde(skip)]
    total: u64,
}

/// Why validators do not form a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// Nobody, or more than [`VALIDATORS_MAX`].
    #[error("{got} validators, expected 1 to {VALIDATORS_MAX}")]
    Size {
        /// Number given.
        got: usize,
    },
    /// Not sorted by key, or a key twice.
    #[error("validators are not sorted by distinct keys")]
    Order,
    /// Somebody without power, or too much in all.
    #[error("a power is zero or the total exceeds {POWER_TOTAL_MAX}")]
    Power,
    /// A key under which signatures mean nothing.
    #[error("a key has small order")]
    Key,
}

impl ValidatorSet {
    /// Sorts the members by key and checks the set's rules.
    ///
    /// # Errors
    /// [`ValidatorSetError`].
    pub fn new(mut members: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        members.sort_unstable_by_key(|v| v.key);
        Self::from_sorted(members)
    }

    fn from_sorted(members: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        if members.is_empty() || members.len() > VALIDATORS_MAX {
            return Err(ValidatorSetError::Size { got: members.len() });
        }
        if members.windows(2).any(|pair| pair[0].key >= pair[1].key) {
            return Err(ValidatorSetError::Order);
        }
        if members.iter().any(|v| v.key.is_small_order()) {
            return Err(ValidatorSetError::Key);
        }
        let total = members.iter().try_fold(0u64, |sum, v| match v.power.0 {
            0 => None,
            power => sum.checked_add(power).filter(|s| *s <= POWER_TOTAL_MAX),
        });
        total.map(|total| Self { members, total }).ok_or(ValidatorSetError::Power)
    }

    /// The members, sorted by key.
    #[must_use]
    pub fn members(&self) -> &[Validator] {
        &self.members
    }

    /// Number of members, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Power of all members together.
    #[must_use]
    pub const fn total(&self) -> VotingPower {
        VotingPower(self.total)
    }

    /// Least power that is strictly more than two thirds: `floor(2W/3) + 1`.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "the total is at most 2^48")]
    pub fn quorum(&self) -> VotingPower {
        VotingPower(self.total * 2 / 3 + u64::from(!crate::planted!("quorum-off-by-one")))
    }

    /// The member at `index`, or `None` out of range.
    #[must_use]
    pub fn get(&self, index: ValidatorIndex) -> Option<&Validator> {
        let at = usize::from(index.0);
        if crate::planted!("signer-index-out-of-range", at >= self.members.len()) {
            return self.members.last();
        }
        self.members.get(at)
    }

    /// Position of the member with `key`.
    #[must_use]
    pub fn index_of(&self, key: &PublicKey) -> Option<ValidatorIndex> {
        let at = self.members.binary_search_by_key(key, |v| v.key).ok()?;
        u16::try_from(at).ok().map(ValidatorIndex)
    }

    /// All positions, in order.
    pub fn indices(&self) -> impl Iterator<Item = ValidatorIndex> + use<> {
        (0..self.members.len()).filter_map(|i| u16::try_from(i).ok().map(ValidatorIndex))
    }

    /// The set's hash: `validators_hash` in headers.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of_encoded(domain::VALIDATORS, self)
    }
}

impl fmt::Debug for ValidatorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members.iter().map(|v| (v.key, v.power.0))).finish()
    }
}

impl fmt::Display for ValidatorIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl BorshDeserialize for ValidatorSet {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let members = crate::BoundedVec::<Validator, VALIDATORS_MAX>::deserialize_reader(reader)?;
        Self::from_sorted(members.into_inner())
            .map_err(|e| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, e))
    }
}

impl<'de> Deserialize<'de> for ValidatorSet {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(<Vec<Validator> as Deserialize>::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ValidatorSet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ValidatorSet".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <Vec<Validator> as schemars::JsonSchema>::json_schema(generator)
    }
}

crate::decodable! { ValidatorSet: 4 + VALIDATORS_MAX * 40; }

#[cfg(test)]
#[path = "validator_tests.rs"]
mod tests;
