//! Verdicts that rest on signatures and hashes: a second, plainer way to each must agree.

use crate::codec::{round_trip, round_trip_json};
use crate::world::world;
use wattle_consensus::LightBlock;
use wattle_primitives::batch::Batch;
use wattle_primitives::merkle::{ListProof, list_root};
use wattle_primitives::trie::{ProofError, TrieProof};
use wattle_primitives::{Certificate, Hash, PublicKey, Signature, SignedVote, ValidatorIndex, Vote};

/// A certificate: also against a real set, where the verdict must be that of its votes, one by one.
pub fn certificate(bytes: &[u8]) {
    if let Some(certificate) = round_trip_json::<Certificate>(bytes) {
        certificate_verdict(&certificate);
    }
}

/// Compares the certificate's verdict with that of its votes.
fn certificate_verdict(certificate: &Certificate) {
    let world = world();
    let believed = certificate.verify(&world.chain, &world.set).is_ok();
    let indices: Vec<ValidatorIndex> = certificate.signers().collect();
    let complete = indices.len() == certificate.signatures.len()
        && certificate.signers.len() == world.set.len().div_ceil(8);
    let votes: Vec<SignedVote> = certificate.votes().collect();
    let each_holds = votes.iter().all(|vote| vote.verify(&world.chain, &world.set).is_ok());
    let power: u64 = votes.iter().filter_map(|v| world.set.get(v.signer)).map(|v| v.power.0).sum();
    let quorum = power * 3 > world.set.total().0 * 2;
    assert_eq!(believed, complete && each_holds && quorum, "{certificate:?}");
    if believed {
        assert!(world.has_signed(&certificate.vote), "a forged certificate is believed: {certificate:?}");
    }
}

/// A header with its proof of finality, shown to a light client that trusts genesis.
pub fn light_block(bytes: &[u8]) {
    let world = world();
    if let Some(wattle_p2p::wire::Response::LightBlock(block)) = round_trip(bytes) {
        let path: &[_] = &block.path;
        let set = &world.set;
        let verdict = wattle_consensus::light::verify_finalized(
            &world.chain,
            set,
            &block.header,
            path,
            &block.certificate,
        );
        assert!(verdict.is_err() || world.is_final(&block.header), "a forged header: {block:?}");
    }
    let Some(block) = round_trip::<LightBlock>(bytes) else { return };
    let (now, rules) = world.rules();
    let mut trusted = world.trusted();
    match trusted.advance(&block, now, &rules) {
        Ok(()) => {
            assert!(world.is_final(&block.header), "a forged header is believed: {block:?}");
            assert_eq!(trusted.head, block.header);
            let end = block.path.iter().last().unwrap_or(&block.header);
            let Vote::Finalize(proposal) = block.certificate.vote else { panic!("no finalization") };
            assert_eq!(proposal.block, end.hash());
        }
        Err(_) => assert_eq!(trusted, world.trusted(), "a refused block moves the head"),
    }
}

/// A proof of a state value or its absence, under a real root. First the key's length and the key.
pub fn state_proof(bytes: &[u8]) {
    let world = world();
    let Some((length, rest)) = bytes.split_first() else { return };
    let Some((key, rest)) = rest.split_at_checked(usize::from(*length)) else { return };
    let Ok(proof) = wattle_primitives::codec::decode_bounded::<TrieProof>(rest, 16 * 1024) else { return };
    let root = world.state.root();
    let truth = world.state.get(key);
    for claim in [None, truth, Some(rest), Some(&b""[..])] {
        match proof.verify(&root, key, claim) {
            Ok(()) => assert_eq!(claim, truth, "a false claim about {key:?} is proven"),
            Err(ProofError::Value) => assert_ne!(claim, truth, "a true claim is contradicted"),
            Err(_) => {}
        }
    }
    // Nothing but the empty proof shows anything of an empty state.
    if proof.verify(&Hash::ZERO, key, None).is_ok() {
        assert!(proof.leaf.is_none() && proof.path.is_empty());
    }
}

/// A proof of a place in a list. First the number of leaves.
pub fn list_proof(bytes: &[u8]) {
    let Some((count, rest)) = bytes.split_first() else { return };
    let leaves: Vec<Hash> = (0..u32::from(*count))
        .map(|n| Hash::of(wattle_primitives::domain::TX_LEAF, &[&n.to_le_bytes()]))
        .collect();
    let root = list_root(&leaves);
    let Ok(proof) = wattle_primitives::codec::decode_bounded::<ListProof>(rest, 4096) else { return };
    for (index, leaf) in (0u32..).zip(&leaves) {
        if proof.verify(&root, leaf) {
            assert_eq!((proof.index, proof.count), (index, u32::from(*count)));
            assert_eq!(
                ListProof::build(&leaves, index).as_ref(),
                Some(&proof),
                "a second proof of one place"
            );
        }
    }
}

/// Keys, messages and signatures, 112 bytes each: the batch must say what each alone says.
pub fn signatures(bytes: &[u8]) {
    let mut batch = Batch::default();
    let mut alone = Vec::new();
    for item in bytes.chunks_exact(112).take(8) {
        let key = PublicKey(item[..32].try_into().unwrap());
        let signature = Signature(item[32..96].try_into().unwrap());
        alone.push(key.verify(&item[96..], &signature));
        batch.push(&key, &item[96..], &signature);
    }
    assert_eq!(batch.verdicts(), alone);
}
