//! Trie proofs against an independent, naive trie: recursion over sorted keys, hashed by hand.

use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_primitives::trie::{Leaf, Step, TrieProof, key_hash, value_hash};
use wattle_primitives::{BoundedVec, Hash};

type Item = ([u8; 32], [u8; 32]);

fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let preimage = [&[tag.len() as u8][..], tag.as_bytes(), &parts.concat()].concat();
    *blake3::hash(&preimage).as_bytes()
}

fn bit(key: &[u8; 32], at: usize) -> bool {
    key[at / 8] & (0x80 >> (at % 8)) != 0
}

/// The first bit in which the keys of two or more sorted items differ, and where the second half begins.
fn split(items: &[Item]) -> (usize, usize) {
    let (first, last) = (items[0].0, items[items.len() - 1].0);
    let at = (0..256).find(|at| bit(&first, *at) != bit(&last, *at)).unwrap();
    (at, items.partition_point(|(key, _)| !bit(key, at)))
}

fn root(items: &[Item]) -> [u8; 32] {
    match items {
        [] => [0; 32],
        [(key, value)] => tagged("wattle:state-leaf:v1", &[key, value]),
        _ => {
            let (at, half) = split(items);
            tagged("wattle:state-branch:v1", &[&[at as u8], &root(&items[..half]), &root(&items[half..])])
        }
    }
}

fn prove(mut items: &[Item], key: &[u8; 32]) -> TrieProof {
    let mut path = Vec::new();
    while items.len() > 1 {
        let (at, half) = split(items);
        let (left, right) = items.split_at(half);
        let (taken, other) = if bit(key, at) { (right, left) } else { (left, right) };
        path.push(Step { bit: at as u8, sibling: Hash(root(other)) });
        items = taken;
    }
    let leaf = items.first().map(|(key, value)| Leaf { key_hash: Hash(*key), value_hash: Hash(*value) });
    TrieProof { path: BoundedVec::new(path).unwrap(), leaf }
}

#[derive(Debug)]
struct Trie {
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    items: Vec<Item>,
    root: Hash,
}

impl Trie {
    fn new(map: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let hashed = |(k, v): (&Vec<u8>, &Vec<u8>)| {
            (tagged("wattle:state-key:v1", &[k]), tagged("wattle:state-value:v1", &[v]))
        };
        let mut items: Vec<Item> = map.iter().map(hashed).collect();
        items.sort_unstable();
        let root = Hash(root(&items));
        Self { map, items, root }
    }

    fn prove(&self, key: &[u8]) -> TrieProof {
        prove(&self.items, &key_hash(key).0)
    }

    /// Whether `proof` convinces anybody of something false about `key`.
    fn deceives(&self, proof: &TrieProof, key: &[u8]) -> bool {
        let truth = self.map.get(key).map(Vec::as_slice);
        let others = self.map.values().take(4).map(|v| Some(v.as_slice()));
        let claims = others.chain([None, Some(&b"forged"[..])]).filter(|claim| *claim != truth);
        claims.into_iter().any(|claim| proof.verify(&self.root, key, claim).is_ok())
    }
}

fn maps() -> impl Strategy<Value = Trie> {
    let key = prop::collection::vec(any::<u8>(), 0..6);
    prop::collection::btree_map(key, prop::collection::vec(any::<u8>(), 0..8), 0..40).prop_map(Trie::new)
}

fn steps(proof: &TrieProof) -> Vec<Step> {
    proof.path.to_vec()
}

/// Every small lie about a proof: bits, siblings, order, depth, leaves.
fn lies(trie: &Trie, proof: &TrieProof) -> Vec<TrieProof> {
    let mut paths = Vec::new();
    for at in 0..proof.path.len() {
        for change in [1u8, 2, 0x80, 0xff] {
            let mut path = steps(proof);
            path[at].bit ^= change;
            paths.push(path);
            let mut path = steps(proof);
            path[at].sibling.0[usize::from(change) % 32] ^= change;
            paths.push(path);
        }
        let mut path = steps(proof);
        path.remove(at);
        paths.push(path);
        let mut path = steps(proof);
        path.insert(at, path[at].clone());
        paths.push(path);
        let mut path = steps(proof);
        path.swap(at, 0);
        paths.push(path);
        paths.push(steps(proof)[..at].to_vec());
    }
    let mut path = steps(proof);
    path.push(Step { bit: 255, sibling: Hash::ZERO });
    paths.push(path);
    let with = |path: Vec<Step>, leaf: Option<Leaf>| TrieProof { path: BoundedVec::new(path).unwrap(), leaf };
    let mut all: Vec<_> = paths.into_iter().map(|path| with(path, proof.leaf.clone())).collect();
    for (key, value) in trie.items.iter().take(8) {
        let leaf = Leaf { key_hash: Hash(*key), value_hash: Hash(*value) };
        let swapped = proof.leaf.as_ref().map(|l| Leaf { value_hash: leaf.value_hash, ..l.clone() });
        all.push(with(steps(proof), swapped));
        all.push(with(steps(proof), Some(leaf)));
    }
    let fake = Leaf { key_hash: Hash([0x55; 32]), value_hash: value_hash(b"forged") };
    all.extend([with(steps(proof), None), with(vec![], None), with(steps(proof), Some(fake))]);
    all.retain(|lie| lie != proof);
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_there_and_what_is_not_are_proven(trie in maps(), absent in prop::collection::vec(any::<[u8; 7]>(), 8)) {
        for (key, value) in &trie.map {
            prop_assert_eq!(trie.prove(key).verify(&trie.root, key, Some(value)), Ok(()));
        }
        for key in &absent {
            prop_assert_eq!(trie.prove(key).verify(&trie.root, key, None), Ok(()));
        }
    }

    #[test]
    fn no_proof_whole_or_altered_shows_what_is_false(trie in maps(), absent in any::<[u8; 7]>()) {
        let keys: Vec<Vec<u8>> = trie.map.keys().take(6).cloned().chain([absent.to_vec()]).collect();
        for of in &keys {
            let proof = trie.prove(of);
            for about in &keys {
                prop_assert!(!trie.deceives(&proof, about));
                for lie in lies(&trie, &proof) {
                    prop_assert!(!trie.deceives(&lie, about), "{lie:?} of {of:?} about {about:?}");
                }
            }
            // An altered proof does not even show the truth any more: a key has one proof.
            let truth = trie.map.get(of).map(Vec::as_slice);
            for lie in lies(&trie, &proof) {
                prop_assert!(lie.verify(&trie.root, of, truth).is_err(), "{lie:?}");
            }
        }
    }

    #[test]
    fn a_proof_holds_under_its_own_root_only(a in maps(), b in maps()) {
        prop_assume!(a.root != b.root);
        for (key, value) in &a.map {
            prop_assert!(a.prove(key).verify(&b.root, key, Some(value)).is_err());
        }
    }
}

/// The attack that the bit index in a branch's hash prevents: presenting the branch at another depth, where the
/// victim's key turns to a foreign leaf, would "prove" that the key is absent.
#[test]
fn a_branch_cannot_be_moved_to_another_bit() {
    let map: BTreeMap<_, _> = (0u8..2).map(|i| (vec![i], vec![i])).collect();
    let trie = Trie::new(map);
    let (at, _) = split(&trie.items);
    for key in [vec![0u8], vec![1]] {
        let foreign = trie.prove(&[1 - key[0]]);
        for moved in (0..=255u8).filter(|bit| usize::from(*bit) != at) {
            let step = Step { bit: moved, sibling: foreign.path[0].sibling };
            let lie = TrieProof { path: BoundedVec::new(vec![step]).unwrap(), leaf: foreign.leaf.clone() };
            assert!(lie.verify(&trie.root, &key, None).is_err());
        }
    }
}
