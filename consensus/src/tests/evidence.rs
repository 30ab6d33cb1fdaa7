//! Which pairs of votes prove an offence, with real signatures.

use super::{secret, set};
use wattle_primitives::*;

const CHAIN: Hash = Hash([1; 32]);

fn sign(by: u8, vote: Vote) -> SignedVote {
    let signer = set(0..4).index_of(&secret(by).public()).unwrap();
    SignedVote { vote, signer, signature: secret(by).sign(&vote.signing_bytes(&CHAIN)) }
}

#[test]
fn pairs_of_votes() {
    let round = |view| Round { epoch: Epoch(2), view: View(view) };
    let block = |view, byte| Proposal { round: round(view), parent_view: View(0), block: Hash([byte; 32]) };
    let other_parent = Proposal { parent_view: View(1), ..block(3, 1) };
    let (n, f, x) = (Vote::Notarize, Vote::Finalize, Vote::Nullify);
    let table = [
        ("two notarizes", n(block(3, 1)), n(block(3, 2)), true),
        ("two notarizes of one block on two parents", n(block(3, 1)), n(other_parent), true),
        ("two finalizes", f(block(3, 1)), f(block(3, 2)), true),
        ("nullify and finalize", x(round(3)), f(block(3, 1)), true),
        ("notarize and nullify", n(block(3, 1)), x(round(3)), false),
        ("notarize a rival, finalize the quorum's", n(block(3, 1)), f(block(3, 2)), false),
        ("the same vote twice", n(block(3, 1)), n(block(3, 1)), false),
        ("two views", n(block(3, 1)), n(block(4, 2)), false),
    ];
    for (desc, a, b, offence) in table {
        let (a, b) = (sign(1, a), sign(1, b));
        let found = Evidence::of(&a, &b);
        assert_eq!(found.is_some(), offence, "{desc}");
        assert_eq!(found, Evidence::of(&b, &a), "{desc}: order does not matter");
        if let Some(evidence) = found {
            assert_eq!(evidence.verify(&CHAIN, &set(0..4)), Ok(()), "{desc}");
            assert_eq!(decode::<Evidence>(&encode(&evidence)), Ok(evidence), "{desc}");
            let swapped = Evidence { first: evidence.second, second: evidence.first };
            assert_eq!(swapped.verify(&CHAIN, &set(0..4)), Err(EvidenceError::NoConflict), "{desc}");
            assert!(evidence.verify(&Hash([2; 32]), &set(0..4)).is_err(), "{desc}: bound to the chain");
        }
    }
}

#[test]
fn forged_evidence_is_refused() {
    let p = |byte| Proposal {
        round: Round { epoch: Epoch(0), view: View(1) },
        parent_view: View(0),
        block: Hash([byte; 32]),
    };
    let (a, b) = (sign(1, Vote::Notarize(p(1))), sign(2, Vote::Notarize(p(2))));
    assert_eq!(Evidence::of(&a, &b), None);
    let joined = Evidence { first: a, second: b };
    assert!(matches!(joined.verify(&CHAIN, &set(0..4)), Err(EvidenceError::Signers { .. })));
    let stolen = SignedVote { signer: a.signer, ..b };
    let forged = Evidence::of(&a, &stolen).unwrap();
    assert!(matches!(forged.verify(&CHAIN, &set(0..4)), Err(EvidenceError::Vote(_))));
}
