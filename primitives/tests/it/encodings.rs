//! The encoding of every type, pinned in `tests/vectors/encodings.json`, and its JSON form.

use crate::samples::{self, Sample};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use wattle_primitives::call;
use wattle_primitives::call::ledger::{AccountClass, AccountId, SystemAccount};
use wattle_primitives::codec::decode_bounded;
use wattle_primitives::reading::{ClockQuality, RegisterEncoding};
use wattle_primitives::*;

/// Set to write the vectors anew, after a deliberate change of protocol.
pub(crate) const BLESS: &str = "WATTLE_BLESS_VECTORS";

pub(crate) fn vector_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(name)
}

/// Compares `got` with the vector file `name`, field by field.
pub(crate) fn check_vectors(name: &str, got: &Map<String, Value>) {
    let path = vector_path(name);
    if std::env::var_os(BLESS).is_some() {
        let text = serde_json::to_string_pretty(got).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
        return;
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let want: Map<String, Value> = serde_json::from_str(&text).unwrap();
    for (field, value) in got {
        assert_eq!(
            Some(value),
            want.get(field),
            "{field} in {name} is not what it was: THIS IS A PROTOCOL CHANGE. Nodes and wallets of the old format \
             will not understand the new one. Until the first release version 1 changes in place: see HACKING.md. If \
             it is meant, say so in docs/protocol.md and CHANGELOG.md, and run this test once with {BLESS}=1."
        );
    }
    let gone: Vec<_> = want.keys().filter(|k| !got.contains_key(*k)).collect();
    assert!(gone.is_empty(), "{gone:?} left {name}: dropping a type from the protocol is a PROTOCOL CHANGE");
}

#[test]
fn every_encoding_is_what_it_was() {
    let mut got = Map::new();
    for Sample { name, bytes, json, .. } in samples::all() {
        let mut row = json!({ "hex": hex::encode(&bytes), "blake3": blake3::hash(&bytes).to_hex().as_str() });
        if let Some(json) = json {
            row["json"] = json;
        }
        assert!(got.insert(name.clone(), row).is_none(), "{name} is sampled twice");
    }
    check_vectors("encodings.json", &got);
}

#[test]
fn every_value_survives_both_encodings() {
    for Sample { name, bytes, json, again, from_json } in samples::all() {
        assert_eq!(again(&bytes).as_ref(), Ok(&bytes), "{name}");
        for cut in 0..bytes.len() {
            assert!(again(&bytes[..cut]).is_err(), "{name} cut to {cut} bytes was accepted");
        }
        assert!(again(&[&bytes[..], &[0]].concat()).is_err(), "{name} with a trailing byte was accepted");
        if let Some(json) = json {
            assert_eq!(from_json(&json), Ok(bytes), "{name} as {json}");
        }
    }
}

/// Sampled variants of an enum are all it has: they are numbered from `first`, and the next number is unknown.
fn numbered<T: borsh::BorshDeserialize + std::fmt::Debug>(name: &str, first: u8, samples: &[Vec<u8>]) {
    let mut numbers: Vec<u8> = samples.iter().map(|bytes| bytes[0]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let next = first + numbers.len() as u8;
    assert_eq!(numbers, (first..next).collect::<Vec<u8>>(), "{name}");
    let mut bytes = vec![0; 1024];
    bytes[0] = next;
    let error = decode_bounded::<T>(&bytes, 1024).unwrap_err().to_string();
    assert!(error.contains("variant"), "{name} {next} has no sample: {error}");
}

#[test]
fn every_variant_is_sampled_under_its_number() {
    let named = |prefix: &str| -> Vec<Vec<u8>> {
        samples::all().into_iter().filter(|s| s.name.starts_with(prefix)).map(|s| s.bytes).collect()
    };
    let inner = |prefix: &str, module: u8| -> Vec<Vec<u8>> {
        named(prefix).iter().filter(|b| b[0] == module).map(|b| b[1..].to_vec()).collect()
    };
    numbered::<SystemAccount>("SystemAccount", 0, &named("SystemAccount::"));
    numbered::<AccountClass>("AccountClass", 0, &named("AccountClass::"));
    numbered::<RegisterEncoding>("RegisterEncoding", 0, &named("RegisterEncoding::"));
    numbered::<ClockQuality>("ClockQuality", 0, &named("ClockQuality::"));
    numbered::<VoteKind>("VoteKind", 0, &named("VoteKind::"));
    numbered::<AccountId>("AccountId", 0, &named("AccountId::"));
    numbered::<Event>("Event", 0, &named("Event::"));
    numbered::<Outcome>("Outcome", 0, &named("Outcome::"));
    numbered::<Vote>("Vote", 0, &named("Vote::"));
    numbered::<Tx>("Tx", 1, &named("Tx::"));
    numbered::<Call>("Call", 0, &named("Call::"));
    numbered::<call::LedgerCall>("LedgerCall", 0, &inner("Call::", 0));
    numbered::<call::TokenCall>("TokenCall", 0, &inner("Call::", 1));
    numbered::<call::IdentityCall>("IdentityCall", 0, &inner("Call::", 2));
    numbered::<call::EnergyCall>("EnergyCall", 0, &inner("Call::", 3));
    numbered::<call::MarketCall>("MarketCall", 0, &inner("Call::", 4));
    numbered::<call::DealsCall>("DealsCall", 0, &inner("Call::", 5));
    numbered::<call::DisputesCall>("DisputesCall", 0, &inner("Call::", 6));
    numbered::<event::LedgerEvent>("LedgerEvent", 0, &inner("Event::", 0));
    numbered::<event::TokenEvent>("TokenEvent", 0, &inner("Event::", 1));
    numbered::<event::IdentityEvent>("IdentityEvent", 0, &inner("Event::", 2));
    numbered::<event::EnergyEvent>("EnergyEvent", 0, &inner("Event::", 3));
    numbered::<event::MarketEvent>("MarketEvent", 0, &inner("Event::", 4));
    numbered::<event::DealsEvent>("DealsEvent", 0, &inner("Event::", 5));
    numbered::<event::DisputesEvent>("DisputesEvent", 0, &inner("Event::", 6));
}

#[test]
fn every_reason_is_sampled_and_no_other_number_is_one() {
    let sampled: Vec<u8> = samples::all()
        .into_iter()
        .filter(|sample| sample.name.starts_with("Reason::"))
        .map(|sample| sample.bytes[0])
        .collect();
    for number in 0..=u8::MAX {
        let known = decode_bounded::<Reason>(&[number], 1).is_ok();
        assert_eq!(known, sampled.contains(&number), "reason {number}");
    }
    assert_eq!(sampled.len(), Reason::ALL.len());
}

/// In JSON an event's type alone says whose it is.
#[test]
fn no_two_events_have_one_type() {
    let types: Vec<&str> = Event::types().collect();
    let distinct: std::collections::BTreeSet<&str> = types.iter().copied().collect();
    assert_eq!(types.len(), distinct.len());
    let sampled = samples::all().into_iter().filter(|sample| sample.name.starts_with("Event::"));
    let named: std::collections::BTreeSet<String> =
        sampled.map(|sample| sample.json.unwrap()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        named.iter().map(String::as_str).collect::<Vec<_>>(),
        distinct.into_iter().collect::<Vec<_>>()
    );
}

/// Before modules had numbers of their own, markets, deals and disputes were calls of `energy`, and events and reasons
/// were numbered in one line. What each said then it says now, field by field: only numbers and names of modules are
/// others. What has another shape since then has left the file.
#[test]
fn every_sample_from_before_the_modules_parted_means_what_it_meant() {
    let text = std::fs::read_to_string(vector_path("before_modules.json")).unwrap();
    let before: Map<String, Value> = serde_json::from_str(&text).unwrap();
    let now: BTreeMap<String, Sample> = samples::all().into_iter().map(|s| (s.name.clone(), s)).collect();
    let moved = |name: &str| {
        let call = name.strip_prefix("Call::Energy::")?;
        let module = ["Market", "Deals", "Disputes"];
        module.iter().map(|m| format!("Call::{m}::{call}")).find(|name| now.contains_key(name))
    };
    for (name, old) in &before {
        let sample = &now[&moved(name).unwrap_or_else(|| name.clone())];
        let old_bytes = hex::decode(old["hex"].as_str().unwrap()).unwrap();
        // Numbers: of module and call before and now; of an event before, of module and event now; of a reason.
        let (skip_old, skip_new) = match name.split("::").next().unwrap() {
            "Call" => (2, 2),
            "Event" => (1, 2),
            "Reason" => (1, 1),
            _ => (0, 0), // holds one of these: compared as JSON
        };
        if skip_old > 0 && !name.contains("ReadingRefused") {
            assert_eq!(old_bytes[skip_old..], sample.bytes[skip_new..], "{name}");
        }
        let mut json = sample.json.clone();
        json.iter_mut().for_each(as_one_module);
        assert_eq!(json.as_ref(), old.get("json"), "{name}");
    }
}

/// Names the modules that were one as they were.
fn as_one_module(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            if let Some(Value::String(module)) = fields.get_mut("module")
                && ["market", "deals", "disputes"].contains(&module.as_str())
            {
                *module = "energy".into();
            }
            fields.values_mut().for_each(as_one_module);
        }
        Value::Array(items) => items.iter_mut().for_each(as_one_module),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn calls_in_json_have_module_call_and_args_and_nothing_else() {
    for (name, call) in samples::calls() {
        let json = serde_json::to_value(&call).unwrap();
        let (module, method) = call.name();
        assert_eq!((&json["module"], &json["call"]), (&json!(module), &json!(method)), "{name}");
        assert!(json["args"].is_object() && json.as_object().unwrap().len() == 3, "{name}: {json}");

        let mut extra = json.clone();
        extra["memo"] = json!(1);
        assert!(serde_json::from_value::<Call>(extra.clone()).is_err(), "{extra}");
        let mut extra = json.clone();
        extra["args"]["memo"] = json!(1);
        assert!(serde_json::from_value::<Call>(extra.clone()).is_err(), "{extra}");
    }
}

#[test]
fn json_takes_numbers_where_they_are_exact_and_nothing_vague() {
    let to = samples::address(4);
    let call = |asset: Value, amount: Value| {
        let json = json!({"module": "token", "call": "transfer", "args": {"to": to, "asset": asset, "amount": amount}});
        serde_json::from_str::<Call>(&json.to_string()).ok()
    };
    let want = |asset, amount| {
        Some(Call::from(call::token::Transfer { to, asset: AssetId(asset), amount: Amount(amount) }))
    };
    assert_eq!(call(json!(0), json!("5")), want(0, 5));
    assert_eq!(call(json!("0"), json!(5)), want(0, 5));
    assert_eq!(call(json!(0), json!(u128::MAX.to_string())), want(0, u128::MAX));
    for (asset, amount) in [
        (json!(0), json!("340282366920938463463374607431768211456")), // 2^128
        (json!(4_294_967_296u64), json!("5")),
        (json!(-1), json!("5")),
        (json!(0), json!(5.0)),
        (json!(0), json!("5 ")),
        (json!(0), json!("0x5")),
        (json!(0), json!("")),
        (json!(0), Value::Null),
        (json!(true), json!("5")),
    ] {
        assert_eq!(call(asset.clone(), amount.clone()), None, "{asset} {amount}");
    }
}

#[test]
fn transactions_in_json_refuse_unknown_fields() {
    let tx = Tx::new(samples::body(), vec![]).unwrap();
    let json = serde_json::to_value(&tx).unwrap();
    assert_eq!(json["version"], "1");
    let mut extra = json.clone();
    extra["memo"] = json!(1);
    assert!(serde_json::from_value::<Tx>(extra).is_err());
    let mut extra = json;
    extra["body"]["memo"] = json!(1);
    assert!(serde_json::from_value::<Tx>(extra).is_err());
}

#[test]
fn an_address_has_one_text() {
    let address = samples::address(1);
    let text = address.to_string();
    assert_eq!(text.parse(), Ok(address));
    assert_eq!(text.to_uppercase().parse(), Ok(address));
    // Every single wrong character is caught, and so are text without checksum and another prefix.
    for at in 4..text.len() {
        let mut wrong = text.clone().into_bytes();
        wrong[at] = if wrong[at] == b'q' { b'p' } else { b'q' };
        assert!(String::from_utf8(wrong).unwrap().parse::<Address>().is_err());
    }
    use bech32::{Bech32, Bech32m, ByteIterExt, Fe32, Fe32IterExt, Hrp};
    let hrp = Hrp::parse("wat").unwrap();
    assert!(bech32::encode::<Bech32>(hrp, &address.0).unwrap().parse::<Address>().is_err());
    assert!(
        bech32::encode::<Bech32m>(Hrp::parse("wet").unwrap(), &address.0)
            .unwrap()
            .parse::<Address>()
            .is_err()
    );
    assert!(bech32::encode::<Bech32m>(hrp, &address.0[1..]).unwrap().parse::<Address>().is_err());
    // A valid checksum over set padding bits.
    let mut symbols: Vec<Fe32> = address.0.iter().copied().bytes_to_fes().collect();
    let last = symbols.len() - 1;
    symbols[last] = Fe32::try_from(symbols[last].to_u8() | 1).unwrap();
    let padded: String = symbols.into_iter().with_checksum::<Bech32m>(&hrp).chars().collect();
    assert!(padded.parse::<Address>().is_err(), "{padded}");
}

#[test]
fn what_is_too_long_is_refused_unread() {
    fn check<T: Decode + std::fmt::Debug>() {
        let got = T::MAX_BYTES + 1;
        assert_eq!(decode::<T>(&vec![0; got]).err(), Some(DecodeError::TooLong { max: T::MAX_BYTES, got }));
    }
    check::<Tx>();
    check::<TxBody>();
    check::<Header>();
    check::<Block>();
    check::<SignedVote>();
    check::<Certificate>();
    check::<ValidatorSet>();
    check::<reading::SignedReading>();
    check::<receipt::BlockReceipts>();

    // A claimed length is checked against its type before items are read.
    let claims = u32::MAX.to_le_bytes();
    let error = decode_bounded::<BoundedVec<Hash, 20>>(&claims, 64).unwrap_err().to_string();
    assert!(error.contains("exceed the limit of 20"), "{error}");
    let error = decode_bounded::<BoundedBytes<12>>(&claims, 64).unwrap_err().to_string();
    assert!(error.contains("exceed the limit of 12"), "{error}");
    // Where only the bytes are bounded, a claim of 2^32 items ends with the bytes.
    let block = [encode(&samples::header()), claims.to_vec()].concat();
    assert!(decode::<Block>(&block).is_err());
    assert!(decode::<receipt::BlockReceipts>(&[claims, claims].concat()).is_err());
}
