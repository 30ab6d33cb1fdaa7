//! Certificates that prove nothing, each for its own reason.

use crate::samples::{hash, proposal};
use wattle_primitives::certificate::CertificateError;
use wattle_primitives::key::SignatureError;
use wattle_primitives::*;

const CHAIN: Hash = Hash([0xc4; 32]);

struct Village {
    set: ValidatorSet,
    keys: Vec<SecretKey>,
}

impl Village {
    /// Validators of these powers, with their keys in the order of the set.
    fn new(powers: &[u64]) -> Self {
        let mut keys: Vec<SecretKey> =
            (1..=powers.len() as u8).map(|n| SecretKey::from_seed([n; 32])).collect();
        keys.sort_by_key(SecretKey::public);
        let member =
            |(key, power): (&SecretKey, &u64)| Validator { key: key.public(), power: VotingPower(*power) };
        let set = ValidatorSet::new(keys.iter().zip(powers).map(member).collect()).unwrap();
        Self { set, keys }
    }

    fn vote(&self, signer: u16, vote: Vote, chain: &Hash) -> SignedVote {
        let signature = self.keys[usize::from(signer)].sign(&vote.signing_bytes(chain));
        SignedVote { vote, signer: ValidatorIndex(signer), signature }
    }

    fn signed(&self, signers: &[u16], vote: Vote) -> Option<Certificate> {
        let votes: Vec<_> = signers.iter().map(|s| self.vote(*s, vote, &CHAIN)).collect();
        Certificate::assemble(vote, &votes, &self.set)
    }
}

fn finalize() -> Vote {
    Vote::Finalize(proposal())
}

fn with(certificate: &Certificate, bitmap: &[u8], signatures: Vec<Signature>) -> Certificate {
    Certificate {
        vote: certificate.vote,
        signers: BoundedBytes::new(bitmap.to_vec()).unwrap(),
        signatures: BoundedVec::new(signatures).unwrap(),
    }
}

#[test]
fn a_quorum_of_power_is_needed_and_enough() {
    let table: [(&[u64], &[u16], bool); 8] = [
        (&[1], &[0], true),
        (&[1, 1, 1, 1], &[0, 1, 3], true),
        (&[1, 1, 1, 1], &[0, 1], false),
        (&[1, 1, 1, 1], &[0, 1, 1, 1], false), // one signer counts once
        (&[1, 1, 1], &[0, 2], false),          // exactly two thirds are not more than two thirds
        (&[7, 1, 1, 1], &[0], true),
        (&[7, 1, 1, 1], &[1, 2, 3], false),
        (&[1; 9], &[0, 1, 2, 3, 4, 5, 8], true), // second byte of the bitmap
    ];
    for (powers, signers, reached) in table {
        let village = Village::new(powers);
        let certificate = village.signed(signers, finalize());
        assert_eq!(certificate.is_some(), reached, "{signers:?} of {powers:?}");
        if let Some(certificate) = certificate {
            assert_eq!(certificate.verify(&CHAIN, &village.set), Ok(()));
            assert_eq!(certificate.signers().map(|s| s.0).collect::<Vec<_>>(), signers);
            assert!(certificate.votes().all(|v| v.verify(&CHAIN, &village.set).is_ok()));
            assert_eq!(decode::<Certificate>(&encode(&certificate)), Ok(certificate));
        }
    }
}

#[test]
fn a_bitmap_of_another_shape_is_refused() {
    let village = Village::new(&[1, 1, 1, 1]);
    let good = village.signed(&[0, 1, 2], finalize()).unwrap();
    let signatures = good.signatures.to_vec();
    let table: [(&[u8], CertificateError); 6] = [
        (&[], CertificateError::Bitmap { size: 4 }),
        (&[0b0111, 0], CertificateError::Bitmap { size: 4 }), // too long
        (&[0b1_0011], CertificateError::Bitmap { size: 4 }),  // validator 4 of 4
        (&[0b1000_0111], CertificateError::Bitmap { size: 4 }),
        (&[0b0011], CertificateError::Count { signers: 2, signatures: 3 }),
        (&[0b1111], CertificateError::Count { signers: 4, signatures: 3 }),
    ];
    for (bitmap, want) in table {
        assert_eq!(
            with(&good, bitmap, signatures.clone()).verify(&CHAIN, &village.set),
            Err(want),
            "{bitmap:?}"
        );
    }
    let few = with(&good, &[0b0011], signatures[..2].to_vec());
    assert_eq!(few.verify(&CHAIN, &village.set), Err(CertificateError::Quorum { got: 2, quorum: 3 }));
    // One signature twice, the second under another's bit.
    let twice = with(&good, &[0b0111], vec![signatures[0], signatures[1], signatures[1]]);
    let bad = CertificateError::Signature { signer: ValidatorIndex(2), source: SignatureError::Invalid };
    assert_eq!(twice.verify(&CHAIN, &village.set), Err(bad));
    // The right signatures in another order.
    let swapped = with(&good, &[0b0111], vec![signatures[1], signatures[0], signatures[2]]);
    assert!(matches!(swapped.verify(&CHAIN, &village.set), Err(CertificateError::Signature { .. })));
}

#[test]
fn signatures_on_anything_else_do_not_count() {
    let village = Village::new(&[1, 1, 1, 1]);
    let other = |change: fn(&mut Proposal)| {
        let mut proposal = proposal();
        change(&mut proposal);
        Vote::Finalize(proposal)
    };
    let others = [
        (Vote::Notarize(proposal()), CHAIN),
        (Vote::Nullify(proposal().round), CHAIN),
        (finalize(), hash(0xc5)),
        (other(|p| p.block = hash(9)), CHAIN),
        (other(|p| p.round.view = p.round.view.next()), CHAIN),
        (other(|p| p.round.epoch = p.round.epoch.next()), CHAIN),
        (other(|p| p.parent_view = p.parent_view.next()), CHAIN),
    ];
    let good = village.signed(&[0, 1, 2], finalize()).unwrap();
    assert!(good.verify(&hash(0xc5), &village.set).is_err(), "another chain");
    for (vote, chain) in others {
        let mut signatures = good.signatures.to_vec();
        signatures[1] = village.vote(1, vote, &chain).signature;
        let want = CertificateError::Signature { signer: ValidatorIndex(1), source: SignatureError::Invalid };
        assert_eq!(with(&good, &[0b0111], signatures).verify(&CHAIN, &village.set), Err(want), "{vote:?}");
        assert_ne!(vote.signing_bytes(&chain), finalize().signing_bytes(&CHAIN));
    }
    // And a certificate whose vote is replaced keeps no signature.
    for vote in [Vote::Notarize(proposal()), Vote::Nullify(proposal().round)] {
        assert!(Certificate { vote, ..good.clone() }.verify(&CHAIN, &village.set).is_err());
    }
}

#[test]
fn another_set_of_the_same_size_is_not_convinced() {
    let village = Village::new(&[1, 1, 1, 1]);
    let good = village.signed(&[0, 1, 2], finalize()).unwrap();
    let strangers =
        (11..15).map(|n| Validator { key: SecretKey::from_seed([n; 32]).public(), power: VotingPower(1) });
    let strangers = ValidatorSet::new(strangers.collect()).unwrap();
    assert!(matches!(good.verify(&CHAIN, &strangers), Err(CertificateError::Signature { .. })));
}

#[test]
fn what_is_known_is_known_to_the_last_bit() {
    let village = Village::new(&[1, 1, 1, 1]);
    let certificate = village.signed(&[0, 1, 2], finalize()).unwrap();
    let counted: Vec<SignedVote> = certificate.votes().collect();
    let known = |vote: &SignedVote| counted.contains(vote);
    certificate.verify_beside(&CHAIN, &village.set, known).unwrap();
    // Another signature, or the same one under another name, was never verified.
    let mut other = certificate.signatures.to_vec();
    other[1].0[0] ^= 1;
    let forged = with(&certificate, &certificate.signers, other);
    let bad = CertificateError::Signature { signer: ValidatorIndex(1), source: SignatureError::Invalid };
    assert_eq!(forged.verify_beside(&CHAIN, &village.set, known), Err(bad));
    let moved = with(&certificate, &[0b1011], certificate.signatures.to_vec());
    let bad = CertificateError::Signature { signer: ValidatorIndex(3), source: SignatureError::Invalid };
    assert_eq!(moved.verify_beside(&CHAIN, &village.set, known), Err(bad));
    // Knowing every vote does not make a quorum.
    let few = with(&certificate, &[0b0011], certificate.signatures.to_vec()[..2].to_vec());
    assert!(matches!(
        few.verify_beside(&CHAIN, &village.set, |_| true),
        Err(CertificateError::Quorum { got: 2, quorum: 3 })
    ));
}
