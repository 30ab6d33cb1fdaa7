//! Random values and random bytes through every decoder.

use crate::samples::{self, Sample};
use proptest::prelude::*;
use wattle_primitives::call;
use wattle_primitives::*;

fn samples() -> Vec<Sample> {
    samples::all()
}

/// A random change to valid bytes: most stay close to the format, so that deep decoders are reached.
fn mutate(bytes: &mut Vec<u8>, edits: &[(u16, u8, u8)]) {
    for (at, kind, value) in edits {
        let at = usize::from(*at) % (bytes.len() + 1);
        match (kind % 4, bytes.get_mut(at)) {
            (0, Some(byte)) => *byte ^= value,
            (1, Some(byte)) => *byte = *value,
            (2, Some(_)) => drop(bytes.remove(at)),
            _ => bytes.insert(at, *value),
        }
    }
}

fn call() -> impl Strategy<Value = Call> {
    let transfer = (any::<[u8; 32]>(), any::<u32>(), any::<u128>()).prop_map(|(to, asset, amount)| {
        Call::from(call::token::Transfer { to: Address(to), asset: AssetId(asset), amount: Amount(amount) })
    });
    let all: Vec<Call> = samples::calls().into_iter().map(|(_, call)| call).collect();
    prop_oneof![transfer, prop::sample::select(all)]
}

fn tx() -> impl Strategy<Value = Tx> {
    let ids = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 32]>());
    let numbers = (any::<u16>(), any::<u64>(), any::<u64>(), any::<u128>(), any::<u128>());
    let calls = prop::collection::vec(call(), 0..=tx::CALLS_MAX);
    let auths = prop::collection::vec((any::<[u8; 32]>(), any::<[u8; 64]>()), 0..=tx::AUTHS_MAX);
    (ids, numbers, calls, auths).prop_map(|(ids, (lane, nonce, expires, max_fee, tip), calls, auths)| {
        let body = TxBody {
            chain: Hash(ids.0),
            sender: Address(ids.1),
            grant: (lane % 2 == 0).then_some(Hash(ids.2)),
            lane: Lane(lane),
            nonce: Nonce(nonce),
            expires_ms: TimeMs(expires),
            fee_payer: Address(ids.2),
            max_fee: Amount(max_fee),
            tip: Amount(tip),
            calls: BoundedVec::new(calls).unwrap(),
        };
        let auth = |(key, signature)| Auth { key: PublicKey(key), signature: Signature(signature) };
        Tx::new(body, auths.into_iter().map(auth).collect()).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a decoder accepts is the one encoding of what it returns; nothing makes it panic.
    #[test]
    fn accepted_bytes_are_canonical(edits in prop::collection::vec(any::<(u16, u8, u8)>(), 1..6)) {
        for sample in samples() {
            let mut bytes = sample.bytes.clone();
            mutate(&mut bytes, &edits);
            if let Ok(again) = (sample.again)(&bytes) {
                prop_assert_eq!(again, bytes, "{}", sample.name);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for sample in samples() {
            if let Ok(again) = (sample.again)(&bytes) {
                prop_assert_eq!(&again, &bytes, "{}", sample.name);
            }
        }
    }

    #[test]
    fn transactions_survive_both_encodings(tx in tx()) {
        let bytes = encode(&tx);
        prop_assert_eq!(decode::<Tx>(&bytes), Ok(tx.clone()));
        let json = serde_json::to_string(&tx).unwrap();
        prop_assert_eq!(serde_json::from_str::<Tx>(&json).unwrap(), tx);
    }

    #[test]
    fn binary32_energy_is_monotone(a in 0u32..0x7f80_0000, b in 0u32..0x7f80_0000) {
        let wh = |bits: u32| {
            reading::RegisterEncoding::Float32Kwh.watt_hours(&[(bits >> 16) as u16, bits as u16]).unwrap_or(WattHours::MAX)
        };
        prop_assert!(wh(a.min(b)) <= wh(a.max(b))); // positive floats order as their bits
    }
}
