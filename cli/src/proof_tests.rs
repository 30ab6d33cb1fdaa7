#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use wattle_primitives::trie::{self, Leaf, TrieProof};
use wattle_primitives::{
    BoundedVec, Certificate, Epoch, Proposal, PublicKey, Round, SecretKey, SignedVote, TimeMs, Validator,
    ValidatorIndex, View, VotingPower,
};
use wattle_rpc_types::At;

const CHAIN: Hash = Hash([9; 32]);

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn set() -> ValidatorSet {
    ValidatorSet::new(vec![Validator { key: key().public(), power: VotingPower(1) }]).unwrap()
}

fn header(height: u64, parent: Hash, state_root: Hash) -> Header {
    let (version, epoch, view, time_ms) = (1, Epoch(0), View(height), TimeMs(height));
    let (height, chain, proposer) = (Height(height), CHAIN, PublicKey([0; 32]));
    let (txs_root, receipts_root, validators_hash) = (Hash::ZERO, Hash::ZERO, set().hash());
    let next_validators_hash = validators_hash;
    Header {
        version,
        chain,
        epoch,
        view,
        height,
        parent,
        time_ms,
        proposer,
        txs_root,
        state_root,
        receipts_root,
        validators_hash,
        next_validators_hash,
    }
}

/// A trie of one leaf, proven at height 5 and certified at height 6.
fn reply() -> ProofReply {
    let leaf = Leaf { key_hash: trie::key_hash(b"key"), value_hash: trie::value_hash(b"value") };
    let below = header(5, Hash::ZERO, trie::leaf_hash(&leaf.key_hash, &leaf.value_hash));
    let above = header(6, below.hash(), Hash::ZERO);
    let round = Round { epoch: Epoch(0), view: View(6) };
    let vote = Vote::Finalize(Proposal { round, parent_view: View(5), block: above.hash() });
    let signature = key().sign(&vote.signing_bytes(&CHAIN));
    let votes = [SignedVote { vote, signer: ValidatorIndex(0), signature }];
    ProofReply {
        at: At::finalized(Height(5)),
        key: b"key".to_vec(),
        value: Some(b"value".to_vec()),
        proof: TrieProof { path: BoundedVec::default(), leaf: Some(leaf) },
        header: below,
        finalization: Certificate::assemble(vote, &votes, &set()),
        path: vec![above],
    }
}

fn verdict(reply: &ProofReply, trusted: Option<Hash>) -> Result<(), CliError> {
    check_state(reply, b"key")?;
    let finality = finality(reply);
    finality.check(finality.certified()?, &set(), &CHAIN, trusted)
}

#[test]
fn only_the_whole_chain_of_evidence_is_believed() {
    assert!(verdict(&reply(), None).is_ok() && verdict(&reply(), Some(set().hash())).is_ok());
    assert!(verdict(&reply(), Some(Hash([7; 32]))).is_err(), "other validators than trusted");
    type Spoil = fn(&mut ProofReply);
    let table: [(&str, Spoil); 9] = [
        ("another value", |r| r.value = Some(b"other".to_vec())),
        ("a value denied", |r| r.value = None),
        ("another key", |r| r.key = b"yek".to_vec()),
        ("another root", |r| r.header.state_root = Hash::ZERO),
        ("no certificate", |r| r.finalization = None),
        ("a cut path", |r| r.path.clear()),
        ("a broken path", |r| r.path[0].parent = Hash::ZERO),
        ("an uncertified end", |r| r.path[0].time_ms = TimeMs(99)),
        ("another chain", |r| r.path[0].chain = Hash([8; 32])),
    ];
    for (what, spoil) in table {
        let mut spoiled = reply();
        spoil(&mut spoiled);
        assert!(matches!(verdict(&spoiled, None), Err(CliError::Proof { .. })), "{what}");
    }
}
