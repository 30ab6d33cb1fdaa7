//! List trees: one root for a list of leaves, which also commits to their number.
//!
//! ```text
//! node(l, r) = H(list-node, l ‖ r)           a node without a right sibling moves up unchanged
//! root       = H(list-root, count as u32 ‖ top)   top = 32 zero bytes for the empty list
//! ```
//! Binding the count makes moving the odd node up harmless: two lists of different length never share a root.

use crate::{Hash, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most leaves in one list.
pub const LEAVES_MAX: u32 = 1 << 20;
/// Siblings on the longest path: log2 of [`LEAVES_MAX`].
pub const DEPTH_MAX: usize = 20;

/// The root over `leaves`, which are hashes under their own domain tag.
#[must_use]
pub fn list_root(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = next_level(&level);
    }
    seal(leaves.len(), level.first().copied().unwrap_or(Hash::ZERO))
}

/// Shows that a leaf stands at a position of a list with a known root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListProof {
    /// Position of the leaf, from 0.
    pub index: u32,
    /// Leaves in the list.
    pub count: u32,
    /// Siblings from the bottom up; levels where the node moves up alone have none.
    pub siblings: crate::BoundedVec<Hash, DEPTH_MAX>,
}

impl ListProof {
    /// The proof for leaf `index`, or `None` when the list is shorter or longer than [`LEAVES_MAX`].
    #[must_use]
    pub fn build(leaves: &[Hash], index: u32) -> Option<Self> {
        let count = u32::try_from(leaves.len()).ok().filter(|c| *c <= LEAVES_MAX && index < *c)?;
        let mut at = usize::try_from(index).ok()?;
        let mut siblings = Vec::with_capacity(DEPTH_MAX);
        let mut level = leaves.to_vec();
        while level.len() > 1 {
            if let Some(sibling) = level.get(at ^ 1) {
                siblings.push(*sibling);
            }
            level = next_level(&level);
            at >>= 1;
        }
        Some(Self { index, count, siblings: crate::BoundedVec::new(siblings).ok()? })
    }

    /// Whether `leaf` stands at `self.index` of the list whose root is `root`.
    #[must_use]
    pub fn verify(&self, root: &Hash, leaf: &Hash) -> bool {
        if self.index >= self.count || self.count > LEAVES_MAX {
            return false;
        }
        let (mut at, mut width, mut node) = (self.index, self.count, *leaf);
        let mut siblings = self.siblings.iter();
        while width > 1 {
            if at ^ 1 < width {
                let Some(sibling) = siblings.next() else { return false };
                node = if at & 1 == 0 { parent(&node, sibling) } else { parent(sibling, &node) };
            }
            at >>= 1;
            width = width.div_ceil(2);
        }
        siblings.next().is_none() && usize::try_from(self.count).is_ok_and(|count| seal(count, node) == *root)
    }
}

fn next_level(level: &[Hash]) -> Vec<Hash> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => parent(left, right),
            [alone] => *alone,
            _ => unreachable!("chunks(2) yields one or two items"),
        })
        .collect()
}

fn parent(left: &Hash, right: &Hash) -> Hash {
    Hash::of(domain::LIST_NODE, &[left.as_bytes(), right.as_bytes()])
}

fn seal(count: usize, top: Hash) -> Hash {
    // Lists are bounded far below u32::MAX by block limits; saturation could only break a proof, not forge one.
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Hash::of(domain::LIST_ROOT, &[&count.to_le_bytes(), top.as_bytes()])
}

#[cfg(test)]
#[path = "merkle_tests.rs"]
mod tests;
