//! A persistent, path-compressed binary Merkle trie by the rules of [`wattle_primitives::trie`].
//!
//! An update shares everything it does not touch with the trie it came from. Many keys are updated together, and
//! each branch on their paths is hashed once.
//!
//! # Invariants
//! - Bits of branches rise strictly from the root down, so no path and no recursion is deeper than 256.
//! - Every link carries the hash of what it leads to; a trie that can be seen is hashed. Hashing a branch again
//!   therefore needs no look at the sibling that did not change, which would cost a cache miss on every level.
//! - One set of entries has one shape, whatever the order in which they came.

use triomphe::{Arc, ThinArc};
use wattle_primitives::trie::{Leaf as ProvenLeaf, Step, TrieProof, branch_hash, leaf_hash, value_hash};
use wattle_primitives::{BoundedVec, Hash};

/// Leaves above which a rebuild is worth several threads.
const PARALLEL_LEAVES_MIN: usize = 1 << 14;
/// Most threads of a rebuild.
const REBUILD_THREADS_MAX: usize = 16;

/// One entry: where it lives, its raw key and its value. One allocation for all of it: of a million entries a quarter
/// of the memory would otherwise go to the allocator.
#[derive(Clone, Debug)]
pub(super) struct Leaf(ThinArc<Place, u8>);

/// Where a leaf lives, and where its key ends and its value begins.
#[derive(Debug)]
struct Place {
    position: Hash,
    key_len: u32,
}

#[derive(Debug)]
struct Branch {
    /// The first 64 bits that all positions below share, as far as `bit` goes. Tells without descending
    /// whether a key belongs here.
    prefix: u64,
    bit: u8,
    left: Link,
    right: Link,
}

/// A node and its hash.
#[derive(Clone, Debug)]
struct Link {
    hash: Hash,
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Leaf),
    Branch(Arc<Branch>),
}

/// A change to one position: a new leaf, or none.
#[derive(Clone, Debug)]
pub(super) struct Change {
    position: Hash,
    leaf: Option<Link>,
}

/// A trie. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Trie {
    root: Option<Link>,
}

/// Longest key and value together that are joined on the stack.
const SHORT_BYTES: usize = 256;

impl Leaf {
    fn new(position: Hash, key: &[u8], value: &[u8]) -> Self {
        let key_len = u32::try_from(key.len()).unwrap_or(u32::MAX); // keys are a few dozen bytes
        let place = Place { position, key_len };
        let len = key.len().saturating_add(value.len());
        let mut short = [0u8; SHORT_BYTES];
        match short.get_mut(..len) {
            Some(data) => {
                let (front, back) = data.split_at_mut(key.len());
                front.copy_from_slice(key);
                back.copy_from_slice(value);
                Self(ThinArc::from_header_and_slice(place, data))
            }
            None => Self(ThinArc::from_header_and_slice(place, &[key, value].concat())),
        }
    }

    fn position(&self) -> &Hash {
        &self.0.header.header.position
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        let data = &self.0.slice;
        let at = usize::try_from(self.0.header.header.key_len).unwrap_or(usize::MAX);
        data.split_at_checked(at).unwrap_or((data, &[]))
    }
}

impl Change {
    pub(super) fn put(position: Hash, key: &[u8], value: &[u8]) -> Self {
        Self { position, leaf: Some(Link::leaf(position, key, value)) }
    }

    pub(super) const fn remove(position: Hash) -> Self {
        Self { position, leaf: None }
    }
}

impl Link {
    fn leaf(position: Hash, key: &[u8], value: &[u8]) -> Self {
        let hash = leaf_hash(&position, &value_hash(value));
        Self { hash, node: Node::Leaf(Leaf::new(position, key, value)) }
    }
}

impl Node {
    fn first_leaf(&self) -> &Leaf {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(leaf) => return leaf,
                Self::Branch(branch) => node = &branch.left.node,
            }
        }
    }
}

impl Branch {
    fn join(bit: u8, left: Link, right: Link) -> Link {
        let hash = branch_hash(bit, &left.hash, &right.hash);
        let prefix = match &left.node {
            Node::Leaf(leaf) => head(leaf.position()),
            Node::Branch(branch) => branch.prefix,
        };
        Link { hash, node: Node::Branch(Arc::new(Self { prefix, bit, left, right })) }
    }

    /// The first bit before `self.bit` in which `position` parts from everything below, if there is one.
    fn parts_at(&self, position: &Hash) -> Option<u8> {
        let near = (self.prefix ^ head(position)).leading_zeros();
        if near < 64 {
            return u8::try_from(near).ok().filter(|bit| *bit < self.bit);
        }
        if self.bit <= 64 {
            return None;
        }
        // 64 equal bits do not happen by chance: only then the way down is worth it.
        let below = self.left.node.first_leaf();
        common_bits(below.position(), position).filter(|bit| *bit < self.bit)
    }
}

impl Trie {
    pub(super) fn root(&self) -> Hash {
        self.root.as_ref().map_or(Hash::ZERO, |root| root.hash)
    }

    pub(super) fn get(&self, position: &Hash) -> Option<&[u8]> {
        let mut node = &self.root.as_ref()?.node;
        loop {
            match node {
                Node::Leaf(leaf) => return (leaf.position() == position).then(|| leaf.parts().1),
                Node::Branch(branch) => {
                    node = if position.bit(branch.bit) { &branch.right.node } else { &branch.left.node };
                }
            }
        }
    }

    /// Key and value of the leaf with the lowest position.
    pub(super) fn first(&self) -> Option<(&[u8], &[u8])> {
        self.root.as_ref().map(|root| root.node.first_leaf().parts())
    }

    pub(super) fn prove(&self, position: &Hash) -> TrieProof {
        let mut path = Vec::new();
        let Some(mut node) = self.root.as_ref().map(|root| &root.node) else {
            return TrieProof { path: BoundedVec::default(), leaf: None };
        };
        loop {
            match node {
                Node::Branch(branch) => {
                    let (next, other) = if position.bit(branch.bit) {
                        (&branch.right, &branch.left)
                    } else {
                        (&branch.left, &branch.right)
                    };
                    path.push(Step { bit: branch.bit, sibling: other.hash });
                    node = &next.node;
                }
                Node::Leaf(leaf) => {
                    let value_hash = value_hash(leaf.parts().1);
                    let path = BoundedVec::new(path).unwrap_or_default(); // at most 256: bits rise
                    return TrieProof {
                        path,
                        leaf: Some(ProvenLeaf { key_hash: *leaf.position(), value_hash }),
                    };
                }
            }
        }
    }

    /// The trie after `changes`, of which a later one for the same position wins.
    pub(super) fn update(&self, mut changes: Vec<Change>) -> Self {
        // The reverse of a stable order keeps the last of equal positions first, where dedup finds it.
        changes.reverse();
        changes.sort_by_key(|change| change.position);
        changes.dedup_by(|later, first| later.position == first.position);
        Self { root: merge(self.root.as_ref(), &changes) }
    }

    /// The trie of these entries alone; a later one for the same position wins.
    pub(super) fn build(entries: Vec<(Hash, Vec<u8>, Vec<u8>)>) -> Self {
        let mut leaves = make_leaves(&entries);
        drop(entries);
        leaves.reverse();
        leaves.sort_by_key(|leaf| leaf.0);
        leaves.dedup_by(|later, first| later.0 == first.0);
        let levels = if leaves.len() >= PARALLEL_LEAVES_MIN { threads().ilog2() } else { 0 };
        Self { root: build(&leaves, levels) }
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        Iter { stack: self.root.iter().map(|root| &root.node).collect() }
    }
}

/// Entries in the order of their positions.
pub(super) struct Iter<'a> {
    stack: Vec<&'a Node>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.stack.pop()? {
                Node::Leaf(leaf) => return Some(leaf.parts()),
                Node::Branch(branch) => {
                    self.stack.push(&branch.right.node);
                    self.stack.push(&branch.left.node);
                }
            }
        }
    }
}

/// Applies sorted, distinct changes below `link`.
fn merge(link: Option<&Link>, changes: &[Change]) -> Option<Link> {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return link.cloned() };
    let Some(whole) = link else {
        return build(&changes.iter().filter_map(Change::placed).collect::<Vec<_>>(), 0);
    };
    match &whole.node {
        Node::Leaf(leaf) => build(&beside((*leaf.position(), whole.clone()), changes), 0),
        Node::Branch(branch) => {
            // Changes are sorted, so the one that parts earliest from the branch is the first or the last.
            let parts = [branch.parts_at(&first.position), branch.parts_at(&last.position)];
            let Some(bit) = parts.into_iter().flatten().min() else {
                let (left, right) = split(changes, branch.bit);
                return join(branch.bit, merge(Some(&branch.left), left), merge(Some(&branch.right), right));
            };
            let (left, right) = split(changes, bit);
            // Whoever stays on the branch's side is on the other side of `bit` than the one that parts.
            let branch_is_right = branch.prefix_bit(bit);
            if branch_is_right {
                join(bit, merge(None, left), merge(link, right))
            } else {
                join(bit, merge(link, left), merge(None, right))
            }
        }
    }
}

impl Branch {
    /// Bit `bit` (below `self.bit`) of everything below.
    fn prefix_bit(&self, bit: u8) -> bool {
        match 63u32.checked_sub(u32::from(bit)) {
            Some(shift) => self.prefix.checked_shr(shift).unwrap_or(0) & 1 == 1,
            None => self.left.node.first_leaf().position().bit(bit),
        }
    }
}

/// A leaf with its position at hand.
type Placed = (Hash, Link);

impl Change {
    fn placed(&self) -> Option<Placed> {
        self.leaf.clone().map(|leaf| (self.position, leaf))
    }
}

/// The leaves that result from a lone leaf and the changes around it, sorted.
fn beside(leaf: Placed, changes: &[Change]) -> Vec<Placed> {
    let mut leaves = Vec::with_capacity(changes.len().saturating_add(1));
    let (before, after) = changes.split_at(changes.partition_point(|c| c.position < leaf.0));
    leaves.extend(before.iter().filter_map(Change::placed));
    if after.first().is_none_or(|c| c.position != leaf.0) {
        leaves.push(leaf);
    }
    leaves.extend(after.iter().filter_map(Change::placed));
    leaves
}

fn join(bit: u8, left: Option<Link>, right: Option<Link>) -> Option<Link> {
    match (left, right) {
        (Some(left), Some(right)) => Some(Branch::join(bit, left, right)),
        (alone, None) | (None, alone) => alone,
    }
}

fn split(changes: &[Change], bit: u8) -> (&[Change], &[Change]) {
    changes.split_at(changes.partition_point(|c| !c.position.bit(bit)))
}

/// The trie of sorted, distinct leaves; the topmost `parallel` levels each start a thread for one side.
fn build(leaves: &[Placed], parallel: u32) -> Option<Link> {
    let (first, last) = (leaves.first()?, leaves.last()?);
    let Some(bit) = common_bits(&first.0, &last.0) else {
        return Some(first.1.clone());
    };
    let (left, right) = leaves.split_at(leaves.partition_point(|leaf| !leaf.0.bit(bit)));
    match parallel.checked_sub(1) {
        None => join(bit, build(left, 0), build(right, 0)),
        Some(levels) => std::thread::scope(|scope| {
            let beside = scope.spawn(move || build(left, levels));
            let right = build(right, levels);
            // A thread that died left nothing: do its work here, and meet the same panic if there is one.
            let left = beside.join().unwrap_or_else(|_| build(left, 0));
            join(bit, left, right)
        }),
    }
}

fn make_leaves(entries: &[(Hash, Vec<u8>, Vec<u8>)]) -> Vec<Placed> {
    let make = |part: &[(Hash, Vec<u8>, Vec<u8>)]| -> Vec<Placed> {
        part.iter().map(|(position, key, value)| (*position, Link::leaf(*position, key, value))).collect()
    };
    if entries.len() < PARALLEL_LEAVES_MIN {
        return make(entries);
    }
    std::thread::scope(|scope| {
        let parts: Vec<_> = entries
            .chunks(entries.len().div_ceil(threads()))
            .map(|part| (part, scope.spawn(move || make(part))))
            .collect();
        parts.into_iter().flat_map(|(part, thread)| thread.join().unwrap_or_else(|_| make(part))).collect()
    })
}

/// Threads of a rebuild. The result does not depend on their number.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).clamp(1, REBUILD_THREADS_MAX)
}

fn head(position: &Hash) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&position.0[..8]);
    u64::from_be_bytes(bytes)
}

/// The first bit in which two positions differ; `None` when they are equal.
fn common_bits(a: &Hash, b: &Hash) -> Option<u8> {
    let at = a.0.iter().zip(&b.0).position(|(a, b)| a != b)?;
    let differ = a.0.get(at)? ^ b.0.get(at)?;
    let bit = at.saturating_mul(8).saturating_add(usize::try_from(differ.leading_zeros()).ok()?);
    u8::try_from(bit).ok()
}
