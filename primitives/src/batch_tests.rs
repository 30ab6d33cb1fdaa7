use super::*;
use crate::SecretKey;

fn signed(seed: u8) -> (PublicKey, Vec<u8>, Signature) {
    let key = SecretKey::from_seed([seed; 32]);
    let message = vec![seed; 40];
    let signature = key.sign(&message);
    (key.public(), message, signature)
}

#[test]
fn a_good_batch_holds_and_a_bad_signature_is_named() {
    for size in [0u8, 1, 2, 7, 64, 200] {
        for bad in [None, Some(0), Some(size / 2), Some(size.saturating_sub(1))] {
            let mut batch = Batch::default();
            for seed in 0..size {
                let (key, mut message, signature) = signed(seed);
                if bad == Some(seed) {
                    message[0] ^= 1;
                }
                batch.push(&key, &message, &signature);
            }
            let want = bad
                .filter(|_| size > 0)
                .map(|b| BadSignature { index: usize::from(b), source: SignatureError::Invalid });
            assert_eq!(batch.verify().err(), want, "size {size}, bad {bad:?}");
        }
    }
}

#[test]
fn small_order_keys_are_refused_alone_and_in_a_batch() {
    // With A of small order, R = identity and s = 0 satisfy the cofactored equation for every message.
    let mut forged = [0u8; 64];
    forged[0] = 1;
    let forged = Signature(forged);
    for torsion in curve25519_dalek::constants::EIGHT_TORSION {
        let key = PublicKey(torsion.compress().to_bytes());
        assert_eq!(key.verify(b"anything", &forged), Err(SignatureError::SmallOrder));
        let mut batch = Batch::default();
        batch.push(&key, b"anything", &forged);
        let (good, message, signature) = signed(9);
        batch.push(&good, &message, &signature);
        assert_eq!(batch.verdicts(), vec![Err(SignatureError::SmallOrder), Ok(())]);
    }
}

#[test]
fn every_encoding_that_decodes_to_a_small_order_point_is_known() {
    use curve25519_dalek::edwards::CompressedEdwardsY;
    // y near 0 and near p covers every non-canonical encoding; EIGHT_TORSION covers the rest.
    let mut found = 0;
    for low in 0..=255u8 {
        for (fill, top) in [(0x00, 0x00), (0x00, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
            let mut bytes = [fill; 32];
            bytes[0] = low;
            bytes[31] = top;
            let small = CompressedEdwardsY(bytes).decompress().is_some_and(|p| p.is_small_order());
            if small {
                found += 1;
                assert!(PublicKey(bytes).is_small_order(), "{}", PublicKey(bytes));
            }
        }
    }
    assert!(found >= 8, "only {found} encodings seen");
}
