#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::records::Due;
use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_primitives::trie::{branch_hash, leaf_hash, value_hash};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Batch = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The root by the rules alone: no sharing, no batching.
fn naive_root(model: &Model) -> Hash {
    fn node(leaves: &[(Hash, Hash)], from: u16) -> Hash {
        match leaves {
            [] => Hash::ZERO,
            [(_, leaf)] => *leaf,
            _ => {
                let bit = u8::try_from(from).expect("positions differ within 256 bits");
                let at = leaves.partition_point(|(position, _)| !position.bit(bit));
                if at == 0 || at == leaves.len() {
                    return node(leaves, from + 1);
                }
                branch_hash(bit, &node(&leaves[..at], from + 1), &node(&leaves[at..], from + 1))
            }
        }
    }
    let mut leaves: Vec<_> =
        model.iter().map(|(k, v)| (key_hash(k), leaf_hash(&key_hash(k), &value_hash(v)))).collect();
    leaves.sort_unstable();
    node(&leaves, 0)
}

fn apply(state: &State, changes: &[(Vec<u8>, Option<Vec<u8>>)]) -> State {
    state.apply(changes.iter().map(|(key, value)| Write {
        key,
        position: key_hash(key),
        value: value.as_deref(),
    }))
}

fn changes() -> impl Strategy<Value = Vec<Batch>> {
    let key = (0u16..300).prop_map(|n| n.to_le_bytes().to_vec());
    let value = proptest::option::weighted(0.7, proptest::collection::vec(any::<u8>(), 0..5));
    proptest::collection::vec(proptest::collection::vec((key, value), 0..60), 1..8)
}

proptest! {
    #[test]
    fn batches_make_the_same_trie_as_a_rebuild_and_as_the_rules(batches in changes()) {
        let (mut state, mut model) = (State::default(), Model::new());
        for batch in batches {
            let (before, kept) = (state.clone(), state.root());
            state = apply(&state, &batch);
            for (key, value) in batch {
                match value {
                    Some(value) => model.insert(key, value),
                    None => model.remove(&key),
                };
            }
            prop_assert_eq!(state.root(), naive_root(&model));
            prop_assert_eq!(state.root(), State::from_entries(model.clone()).root());
            prop_assert_eq!(before.root(), kept);
            let entries: Model = state.entries().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
            prop_assert_eq!(&entries, &model);
            for n in 0u16..300 {
                let key = n.to_le_bytes();
                prop_assert_eq!(state.get(&key), model.get(&key[..]).map(Vec::as_slice));
            }
        }
    }

    #[test]
    fn proofs_show_what_is_there_and_nothing_else(keys in proptest::collection::btree_set(0u16..400, 0..80), flip in any::<(usize, u8)>()) {
        let model: Model = keys.iter().map(|n| (n.to_le_bytes().to_vec(), vec![1, 2])).collect();
        let state = State::from_entries(model.clone());
        let root = state.root();
        for n in (0u16..400).step_by(7) {
            let key = n.to_le_bytes();
            let proof = state.prove(&key);
            let value = model.get(&key[..]).map(Vec::as_slice);
            prop_assert_eq!(proof.verify(&root, &key, value), Ok(()));
            let lie: Option<&[u8]> = if value.is_some() { None } else { Some(&[1, 2]) };
            prop_assert!(proof.verify(&root, &key, lie).is_err());
            prop_assert!(proof.verify(&root, &key, Some(&[1, 3])).is_err());
            let mut bytes = wattle_primitives::encode(&proof);
            let at = flip.0 % bytes.len();
            bytes[at] ^= flip.1 | 1;
            if let Ok(forged) = wattle_primitives::codec::decode_bounded::<TrieProof>(&bytes, 1 << 16) {
                prop_assert!(forged.verify(&root, &key, lie).is_err());
            }
        }
    }
}

/// Positions made by hand, to reach depths that hashes never do.
#[test]
fn positions_that_share_long_prefixes_are_kept_apart() {
    let position = |bit: Option<u8>| {
        let mut at = [0xa5; 32];
        if let Some(bit) = bit {
            at[usize::from(bit >> 3)] ^= 0x80 >> (bit & 7);
        }
        Hash(at)
    };
    let all: Vec<Hash> =
        std::iter::once(position(None)).chain((0..=255).map(|bit| position(Some(bit)))).collect();
    let entry = |at: &Hash| (*at, at.0.to_vec(), vec![at.0[31]]);
    let whole = Trie::build(all.iter().map(entry).collect());
    let mut grown = Trie::default();
    for at in all.iter().rev() {
        grown = grown.update(vec![Change::put(*at, &at.0, &[at.0[31]])]);
    }
    assert_eq!(grown.root(), whole.root());
    for at in &all {
        assert_eq!(grown.get(at), Some(&[at.0[31]][..]));
        assert!(grown.prove(at).leaf.is_some_and(|leaf| leaf.key_hash == *at));
    }
    assert_eq!(grown.prove(&all[0]).path.len(), 256);
    for at in &all {
        grown = grown.update(vec![Change::remove(*at)]);
        assert_eq!(grown.get(at), None);
    }
    assert_eq!(grown.root(), Hash::ZERO);
}

#[test]
fn the_last_of_several_changes_to_one_key_wins() {
    let key = b"k".to_vec();
    let state = apply(&State::default(), &[(key.clone(), Some(vec![1])), (key.clone(), Some(vec![2]))]);
    assert_eq!(state.get(&key), Some(&[2][..]));
    let twice = State::from_entries([(key.clone(), vec![1]), (key.clone(), vec![2])]);
    assert_eq!(twice.root(), state.root());
    assert_eq!(apply(&state, &[(key.clone(), Some(vec![3])), (key, None)]).root(), Hash::ZERO);
}

#[test]
fn each_kind_of_work_has_a_queue_ordered_by_time() {
    let hold = |n: u8| Due::Hold(Hash([n; 32]));
    let mut state = State::default();
    let deal = Due::Deal(Hash([5; 32]));
    for (due, time) in [(hold(1), 500u64), (hold(2), 70_000), (hold(3), 70_000), (hold(4), 3), (deal, 200)] {
        let key = key::queue(TimeMs(time), &due);
        state = apply(&state, &[(key.to_vec(), Some(due.id().0.to_vec()))]);
    }
    let order = |state: &State, kind| state.due_in_order(kind).map(|(_, id)| id[0]).collect::<Vec<u8>>();
    assert_eq!(DueKind::ALL.map(|kind| order(&state, kind)), [vec![4, 1, 2, 3], vec![], vec![5], vec![]]);
    assert_eq!(state.due_ms(), Some(TimeMs(3)));
    let state = apply(&state, &[(key::queue(TimeMs(3), &hold(4)).to_vec(), None)]);
    assert_eq!(state.due_ms(), Some(TimeMs(200)));
    let again = State::from_entries(state.entries().map(|(k, v)| (k.to_vec(), v.to_vec())));
    assert_eq!(DueKind::ALL.map(|kind| order(&again, kind)), [vec![1, 2, 3], vec![], vec![5], vec![]]);
    assert_eq!(again.due_ms(), Some(TimeMs(200)));
}

#[test]
fn no_two_kinds_of_key_have_one_tag() {
    let distinct: std::collections::BTreeSet<u8> = tag::ALL.iter().copied().collect();
    assert_eq!(distinct.len(), tag::ALL.len());
}
