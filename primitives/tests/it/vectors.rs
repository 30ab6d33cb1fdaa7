//! Worked examples in `tests/vectors/worked.json`, which `tests/vectors/check.py` derives again on its own.

use crate::encodings::{check_vectors, vector_path};
use crate::samples::{self, header, proposal, set};
use serde_json::{Map, Value, json};
use std::process::Command;
use wattle_primitives::call;
use wattle_primitives::call::energy::microgrid_id;
use wattle_primitives::call::ledger::hold_id;
use wattle_primitives::merkle::{ListProof, list_root};
use wattle_primitives::reading::RegisterEncoding;
use wattle_primitives::trie::{branch_hash, key_hash, leaf_hash, value_hash};
use wattle_primitives::*;

fn text<T: AsRef<[u8]>>(bytes: T) -> Value {
    Value::String(hex::encode(bytes))
}

/// Seed to signed transaction.
fn transfer() -> Value {
    let secret = SecretKey::from_seed(std::array::from_fn(|i| i as u8));
    let sender = Address::of_key(&secret.public());
    let to = Address::of_key(&SecretKey::from_seed([7; 32]).public());
    let call = Call::from(call::token::Transfer { to, asset: AssetId::NATIVE, amount: Amount(5_000_000) });
    let body = TxBody {
        chain: Hash([0xc4; 32]),
        sender,
        grant: None,
        lane: Lane(0),
        nonce: Nonce(0),
        expires_ms: TimeMs(1_800_000_060_000),
        fee_payer: sender,
        max_fee: Amount(1_000),
        tip: Amount(0),
        calls: BoundedVec::new(vec![call]).unwrap(),
    };
    let signing = body.signing_bytes();
    let signature = secret.sign(&signing);
    assert_eq!(secret.public().verify(&signing, &signature), Ok(()));
    let tx = Tx::new(body.clone(), vec![Auth { key: secret.public(), signature }]).unwrap();
    json!({
        "seed": text(secret.seed()), "key": secret.public(), "address": sender, "body": body,
        "bodyHex": text(encode(&body)), "id": body.id(), "signingHex": text(signing), "signature": signature,
        "txHex": text(encode(&tx)), "leaf": tx.leaf(),
    })
}

fn trie_example() -> Value {
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = [("sun", "1"), ("wind", "22"), ("rain", ""), ("grid", "4444")]
        .map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec()))
        .to_vec();
    fn build(items: &[(Hash, Hash)]) -> Hash {
        let [first, .., last] = items else {
            return items.first().map_or(Hash::ZERO, |(k, v)| leaf_hash(k, v));
        };
        let bit = (0..=255).find(|b| first.0.bit(*b) != last.0.bit(*b)).unwrap();
        let (left, right) = items.split_at(items.partition_point(|(k, _)| !k.bit(bit)));
        branch_hash(bit, &build(left), &build(right))
    }
    let mut items: Vec<_> = pairs.iter().map(|(k, v)| (key_hash(k), value_hash(v))).collect();
    items.sort_unstable();
    let pairs: Vec<_> = pairs.iter().map(|(k, v)| json!({ "key": text(k), "value": text(v) })).collect();
    json!({ "pairs": pairs, "root": build(&items) })
}

fn list_examples() -> Vec<Value> {
    let example = |count: u8| {
        let leaves: Vec<Hash> = (0..count).map(samples::hash).collect();
        let proof = ListProof::build(&leaves, u32::from(count / 2));
        json!({ "leaves": leaves, "root": list_root(&leaves), "proof": proof })
    };
    [0, 1, 2, 3, 5, 8].map(example).to_vec()
}

fn energy_examples() -> Vec<Value> {
    let bits = [
        0u32,
        1,
        0x007f_ffff,
        0x0080_0000,
        0x8000_0000,
        0x8000_0001,
        0xbf80_0000,
        0x3a83_126f,
        0x3f80_0000,
        0x4366_3334,
        0x4b7f_ffff,
        0x4b80_0000,
        0x597f_ffff,
        0x5980_0000,
        0x7f80_0000,
        0x7fc0_0000,
    ];
    let row = |bits: u32| {
        let wh = RegisterEncoding::Float32Kwh.watt_hours(&[(bits >> 16) as u16, bits as u16]);
        json!({ "bits": format!("{bits:08x}"), "wattHours": wh.ok() })
    };
    bits.map(row).to_vec()
}

#[test]
fn worked_examples_are_what_they_were() {
    let chain = Hash([0xc4; 32]);
    let set = set(&[4, 1, 2]);
    let votes = [Vote::Notarize(proposal()), Vote::Nullify(proposal().round), Vote::Finalize(proposal())];
    let vote = |v: &Vote| json!({ "vote": v, "signingHex": text(v.signing_bytes(&chain)) });
    let mut got = Map::new();
    let mut put = |name: &str, value: Value| got.insert(name.into(), value);
    put("chain", json!(chain));
    put("transfer", transfer());
    put("trie", trie_example());
    put("lists", json!(list_examples()));
    put("energy", json!(energy_examples()));
    put("header", json!({ "header": header(), "hash": header().hash() }));
    put("validators", json!({ "set": set, "hash": set.hash(), "quorum": set.quorum() }));
    put("votes", json!(votes.iter().map(vote).collect::<Vec<_>>()));
    put(
        "microgrid",
        json!({ "operator": samples::address(1), "reference": samples::hash(5), "id": microgrid_id(&samples::address(1), &samples::hash(5)) }),
    );
    put(
        "hold",
        json!({ "sender": samples::address(1), "reference": samples::hash(5), "id": hold_id(&samples::address(1), &samples::hash(5)) }),
    );
    let wallet = call::ledger::AccountId::Wallet { owner: samples::address(1) };
    put(
        "stateKeys",
        json!({
            "address": samples::address(1), "asset": "2",
            "account": text(&*state_key::account(&samples::address(1))),
            "wallet": text(&*state_key::balance(&wallet, AssetId(2))),
            "meter": text(&*state_key::meter(&samples::address(1))),
        }),
    );
    check_vectors("worked.json", &got);
}

#[test]
fn the_specification_names_every_domain_tag() {
    let path = vector_path("../../docs/protocol.md");
    let specification = std::fs::read_to_string(&path).unwrap();
    for tag in domain::ALL {
        let quoted = format!("`{}`", tag.as_str());
        assert!(specification.contains(&quoted), "{} does not say what {quoted} is for", path.display());
    }
}

/// `docs/protocol.md` is enough: a program written from it alone, in another language, gets the same bytes.
#[test]
fn an_independent_program_derives_the_same() {
    let script = vector_path("check.py");
    match Command::new("python3").arg(&script).output() {
        Ok(out) => {
            let text = [out.stdout, out.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
            assert!(out.status.success(), "{} disagrees:\n{text}", script.display());
            eprintln!("{text}");
        }
        Err(error) => eprintln!("NOT CHECKED: {} needs python3 ({error})", script.display()),
    }
}
