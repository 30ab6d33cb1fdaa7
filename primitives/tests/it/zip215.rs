//! Signatures on which verifiers differ, with the verdict of ZIP-215 and of this chain, batch and single.
//!
//! The cases are made here, by a signer that works on curve points, and pinned in `tests/vectors/zip215.json`.

use crate::encodings::check_vectors;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};
use wattle_primitives::batch::Batch;
use wattle_primitives::key::SignatureError;
use wattle_primitives::{PublicKey, SecretKey, Signature};

/// The group order, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

const MESSAGE: &[u8] = b"one rule for all";

struct Case {
    name: String,
    key: [u8; 32],
    signature: [u8; 64],
    want: Result<(), SignatureError>,
}

fn case(
    name: impl Into<String>,
    key: [u8; 32],
    signature: [u8; 64],
    want: Result<(), SignatureError>,
) -> Case {
    Case { name: name.into(), key, signature, want }
}

fn join(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(&s);
    signature
}

fn secret(n: u64) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::digest(n.to_le_bytes()).into())
}

/// `s = r + k a` with `k` over exactly the given encodings.
fn sign(a: Scalar, key: [u8; 32], r: Scalar, r_bytes: [u8; 32]) -> [u8; 64] {
    let k = Sha512::new().chain_update(r_bytes).chain_update(key).chain_update(MESSAGE).finalize();
    join(r_bytes, (r + Scalar::from_bytes_mod_order_wide(&k.into()) * a).to_bytes())
}

fn compress(point: EdwardsPoint) -> [u8; 32] {
    point.compress().to_bytes()
}

/// All encodings, canonical and not, of points whose order divides 8.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut all: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|p| compress(*p)).collect();
    for low in 0..=0xffu8 {
        for (fill, top) in [(0x00, 0x00), (0x00, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
            let mut bytes = [fill; 32];
            (bytes[0], bytes[31]) = (low, top);
            let small = CompressedEdwardsY(bytes).decompress().is_some_and(|p| p.is_small_order());
            if small && !all.contains(&bytes) {
                all.push(bytes);
            }
        }
    }
    all
}

/// `s` plus `times` the group order, as plain integers.
fn add_order(mut s: [u8; 32], times: u8) -> [u8; 32] {
    for _ in 0..times {
        let mut carry = 0u16;
        for (byte, order) in s.iter_mut().zip(ORDER) {
            carry += u16::from(*byte) + u16::from(order);
            *byte = carry as u8;
            carry >>= 8;
        }
        assert_eq!(carry, 0);
    }
    s
}

fn cases() -> Vec<Case> {
    let (a, r) = (secret(1), secret(2));
    let (key, r_bytes) = (compress(a * B), compress(r * B));
    let good = sign(a, key, r, r_bytes);
    let bad = Err(SignatureError::Invalid);
    let mut all = vec![case("plain", key, good, Ok(()))];

    for (i, t) in EIGHT_TORSION.iter().enumerate().skip(1) {
        let mixed_key = compress(a * B + t);
        all.push(case(
            format!("A of mixed order, torsion {i}"),
            mixed_key,
            sign(a, mixed_key, r, r_bytes),
            Ok(()),
        ));
        let mixed_r = compress(r * B + t);
        all.push(case(format!("R of mixed order, torsion {i}"), key, sign(a, key, r, mixed_r), Ok(())));
        let both = sign(a, mixed_key, r, mixed_r);
        all.push(case(format!("A and R of mixed order, torsion {i}"), mixed_key, both, Ok(())));
    }
    for (i, encoding) in small_order_encodings().into_iter().enumerate() {
        let name = format!("R of small order, encoding {i}");
        all.push(case(name, key, sign(a, key, Scalar::ZERO, encoding), Ok(())));
        let mut identity = [0; 32];
        identity[0] = 1;
        let forged = join(identity, [0; 32]);
        let name = format!("A of small order, encoding {i}: valid by ZIP-215 alone");
        all.push(case(name, encoding, forged, Err(SignatureError::SmallOrder)));
    }
    let (r_part, s): ([u8; 32], [u8; 32]) = (good[..32].try_into().unwrap(), good[32..].try_into().unwrap());
    for times in [1, 2, 7] {
        all.push(case(format!("s plus {times} L"), key, join(r_part, add_order(s, times)), bad));
    }
    all.push(case("s = L", key, join(r_part, ORDER), bad));
    all.push(case("s of all ones", key, join(r_part, [0xff; 32]), bad));
    let off = (2u8..)
        .map(|y| {
            let mut b = [0; 32];
            b[0] = y;
            b
        })
        .find(|b| CompressedEdwardsY(*b).decompress().is_none());
    let off = off.unwrap();
    all.push(case("R off the curve", key, join(off, s), bad));
    all.push(case("A off the curve", off, good, bad));
    all.push(case("all zero", key, [0; 64], bad));
    let mut flipped = good;
    flipped[31] ^= 0x80;
    all.push(case("R negated", key, flipped, bad));
    all
}

#[test]
fn single_and_batch_give_the_verdict_of_zip215() {
    let (honest, message) = (SecretKey::from_seed([7; 32]), b"in the same batch");
    for Case { name, key, signature, want } in cases() {
        let (key, signature) = (PublicKey(key), Signature(signature));
        assert_eq!(key.verify(MESSAGE, &signature), want, "{name}, single");
        for copies in [1, 2, 5] {
            let mut batch = Batch::default();
            for _ in 0..copies {
                batch.push(&key, MESSAGE, &signature);
            }
            batch.push(&honest.public(), message, &honest.sign(message));
            let mut wanted = vec![want; copies];
            wanted.push(Ok(()));
            assert_eq!(batch.verdicts(), wanted, "{name}, batch of {copies}");
        }
    }
}

#[test]
fn all_corner_cases_in_one_batch() {
    let cases = cases();
    let mut batch = Batch::with_capacity(cases.len());
    for case in &cases {
        batch.push(&PublicKey(case.key), MESSAGE, &Signature(case.signature));
    }
    assert_eq!(batch.verdicts(), cases.iter().map(|c| c.want).collect::<Vec<_>>());
    let mut valid = Batch::default();
    for case in cases.iter().filter(|c| c.want.is_ok()) {
        valid.push(&PublicKey(case.key), MESSAGE, &Signature(case.signature));
    }
    assert_eq!(valid.verify(), Ok(()));
}

#[test]
fn the_cases_are_what_they_were() {
    let verdict = |want: &Result<(), SignatureError>| match want {
        Ok(()) => "valid",
        Err(SignatureError::SmallOrder) => "small-order",
        Err(SignatureError::Invalid) => "invalid",
    };
    let row = |c: &Case| json!({ "name": c.name, "key": hex::encode(c.key), "signature": hex::encode(c.signature), "verdict": verdict(&c.want) });
    let mut got = Map::new();
    got.insert("message".into(), json!(hex::encode(MESSAGE)));
    got.insert("cases".into(), Value::Array(cases().iter().map(row).collect()));
    check_vectors("zip215.json", &got);
}
