//! The state trie's hashing rules and the verification of its proofs.
//!
//! State is a binary trie over `H(state-key, key)`, path-compressed: a branch stands only where two keys
//! part, and carries the index of that bit. Values sit in the leaves.
//!
//! ```text
//! leaf        = H(state-leaf, key_hash ‖ H(state-value, value))
//! branch      = H(state-branch, bit as u8 ‖ left ‖ right)      left: the bit is 0
//! empty trie  = 32 zero bytes
//! ```
//! The bit index is part of the branch's hash. Without it one could present a branch at another depth and so
//! lead the search for an existing key to a foreign leaf, which would forge its absence.
//!
//! # Proofs
//! A search follows the key's bits from the root to the only leaf it can end at. The proof holds the branches on
//! that path, root first. It proves inclusion when the leaf is the key's own, exclusion when it is another's.

use crate::{BoundedVec, Hash, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Branches on the longest path: one for each bit of a key hash.
pub const DEPTH_MAX: usize = 256;

/// The position of `key` in the trie.
#[must_use]
pub fn key_hash(key: &[u8]) -> Hash {
    Hash::of(domain::STATE_KEY, &[key])
}

/// The digest of a value that its leaf carries.
#[must_use]
pub fn value_hash(value: &[u8]) -> Hash {
    Hash::of(domain::STATE_VALUE, &[value])
}

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(key: &Hash, value: &Hash) -> Hash {
    Hash::of(domain::STATE_LEAF, &[key.as_bytes(), value.as_bytes()])
}

/// The hash of a branch at bit `bit`.
#[must_use]
pub fn branch_hash(bit: u8, left: &Hash, right: &Hash) -> Hash {
    Hash::of(domain::STATE_BRANCH, &[&[bit], left.as_bytes(), right.as_bytes()])
}

/// One branch on a proof's path.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// The bit at which this branch parts, counted from the most significant.
    pub bit: u8,
    /// The child that the path does not take.
    pub sibling: Hash,
}

/// The leaf at which the search for a key ends.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Leaf {
    /// Hash of the key that lives here.
    pub key_hash: Hash,
    /// Hash of its value.
    pub value_hash: Hash,
}

/// Shows what a state root says of one key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrieProof {
    /// Branches from the root down.
    pub path: BoundedVec<Step, DEPTH_MAX>,
    /// The leaf at the end; `None` only for the empty trie.
    pub leaf: Option<Leaf>,
}

/// Why a proof shows nothing. The peer that sent it lied or is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Branches do not stand in the order of their bits.
    #[error("bits of the path do not increase")]
    Order,
    /// The leaf could not be found where the path leads.
    #[error("leaf does not lie on the key's path")]
    Astray,
    /// The path hashes to another root.
    #[error("path leads to another root")]
    Root,
    /// The leaf is the key's own, but the value differs (or none was expected).
    #[error("value differs from the proven one")]
    Value,
}

impl TrieProof {
    /// Checks that under `root` the key holds `value`, or nothing when `value` is `None`.
    ///
    /// # Errors
    /// [`ProofError`]; nothing may be concluded then.
    pub fn verify(&self, root: &Hash, key: &[u8], value: Option<&[u8]>) -> Result<(), ProofError> {
        let key = key_hash(key);
        let Some(leaf) = &self.leaf else {
            return match (root == &Hash::ZERO && self.path.is_empty(), value) {
                (true, None) => Ok(()),
                (true, Some(_)) => Err(ProofError::Value),
                (false, _) => Err(ProofError::Root),
            };
        };
        if self.path.windows(2).any(|pair| pair[0].bit >= pair[1].bit) {
            return Err(ProofError::Order);
        }
        let mut node = leaf_hash(&leaf.key_hash, &leaf.value_hash);
        for step in self.path.iter().rev() {
            let right = leaf.key_hash.bit(step.bit);
            if key.bit(step.bit) != right && !crate::planted!("exclusion-proof-without-position") {
                return Err(ProofError::Astray);
            }
            node = if right {
                branch_hash(step.bit, &step.sibling, &node)
            } else {
                branch_hash(step.bit, &node, &step.sibling)
            };
        }
        if node != *root {
            return Err(ProofError::Root);
        }
        let proven = (leaf.key_hash == key).then_some(leaf.value_hash);
        if proven == value.map(value_hash) { Ok(()) } else { Err(ProofError::Value) }
    }
}
