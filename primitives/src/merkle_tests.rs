use super::*;

fn leaves(n: u32) -> Vec<Hash> {
    (0..n).map(|i| Hash::of(domain::TX_LEAF, &[&i.to_le_bytes()])).collect()
}

#[test]
fn every_leaf_is_proven_at_its_place_only() {
    for count in 1..=33u32 {
        let leaves = leaves(count);
        let root = list_root(&leaves);
        for index in 0..count {
            let proof = ListProof::build(&leaves, index).expect("in range");
            assert!(proof.verify(&root, &leaves[index as usize]), "{index} of {count}");
            for other in (0..count).filter(|o| *o != index) {
                assert!(!proof.verify(&root, &leaves[other as usize]), "{other} for {index} of {count}");
                assert!(!ListProof { index: other, ..proof.clone() }.verify(&root, &leaves[index as usize]));
            }
            assert!(!ListProof { count: count + 1, ..proof.clone() }.verify(&root, &leaves[index as usize]));
        }
        assert!(ListProof::build(&leaves, count).is_none());
    }
}

#[test]
fn lists_of_different_length_have_different_roots() {
    let all = leaves(40);
    let roots: std::collections::BTreeSet<Hash> = (0..=40).map(|n| list_root(&all[..n])).collect();
    assert_eq!(roots.len(), 41);
}
