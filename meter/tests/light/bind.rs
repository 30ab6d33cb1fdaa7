//! `wattle-light bind`: the meter's key says where it is to count.

use crate::common::{Light, checkpoint};
use std::net::SocketAddr;
use wattle_primitives::call::energy::MeterBinding;
use wattle_primitives::reading::{RegisterEncoding, Registers};
use wattle_primitives::{Address, Hash, Signature, WattHours};

#[test]
fn what_is_printed_is_the_keys_signature_for_one_place_on_one_chain() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let light = Light::new(&[("house", nobody, true)], "", "");
    let path = light.path("house.key");
    let (key, file) = (wattle_host::key::load(&path).unwrap().public(), path.display().to_string());
    let (microgrid, owner, old) = (Hash([0x9f; 32]), Address([3; 32]), Address([4; 32]));
    let chain = checkpoint(0).genesis_hash;
    let (chain_text, grid_text) = (chain.to_string(), microgrid.to_string());
    let (owner_text, old_text) = (owner.to_string(), old.to_string());
    let checkpoint_file = light.path("checkpoint.json").display().to_string();
    let opening_text = "4366,3334/0000,0007@1767225600000";
    let opening: Registers = opening_text.parse().unwrap();
    let connection = MeterBinding::Connection { microgrid, owner, opening };
    let replacement = MeterBinding::Replacement { old };
    let place = ["--microgrid", &grid_text, "--owner", &owner_text, "--opening", opening_text];
    let cases = [
        ([&["--chain", chain_text.as_str()], &place[..]].concat(), &connection),
        ([&["--checkpoint", checkpoint_file.as_str()], &place[..]].concat(), &connection),
        (vec!["--chain", &chain_text, "--replaces", &old_text], &replacement),
    ];
    for (arguments, place) in cases {
        let output = light.command(&[&["bind", "--json", "--key", &file], &arguments[..]].concat());
        assert!(output.status.success(), "{arguments:?}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["address"], Address::of_key(&key).to_string(), "{answer}");
        assert_eq!(
            (&answer["publicKey"], &answer["chain"]),
            (&key.to_string().into(), &chain_text.clone().into())
        );
        let binding: Signature = answer["binding"].as_str().unwrap().parse().unwrap();
        key.verify(&place.signing_bytes(&chain), &binding).unwrap();
        key.verify(&place.signing_bytes(&Hash([1; 32])), &binding).unwrap_err();
    }
    let output = light.command(&[&["bind", "--key", &file, "--chain", &chain_text], &place[..]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(&format!(
            "register-meter --microgrid {microgrid} --owner {owner} --key {key} --opening {opening_text}"
        )),
        "{text}"
    );

    for wrong in [
        vec!["--key", &file, "--chain", &chain_text],
        vec!["--key", &file, "--microgrid", &grid_text, "--owner", &owner_text],
        vec!["--key", &file, "--chain", &chain_text, "--microgrid", &grid_text],
        vec!["--key", &file, "--chain", &chain_text, "--microgrid", &grid_text, "--owner", &owner_text],
        vec![
            "--key",
            &file,
            "--chain",
            &chain_text,
            "--microgrid",
            &grid_text,
            "--owner",
            &owner_text,
            "--opening",
            "1/2",
        ],
        vec!["--key", "/no/such.key", "--chain", &chain_text, "--replaces", &old_text],
        vec!["--key", &file, "--checkpoint", "/no/such.json", "--replaces", &old_text],
    ] {
        let output = light.command(&[&["bind"], &wrong[..]].concat());
        assert!(!output.status.success() && output.stdout.is_empty(), "{wrong:?}");
    }
}

/// Goal: the registers that are signed are those that the meter shows, read by the light node's own configuration.
#[tokio::test(flavor = "multi_thread")]
async fn the_meter_that_is_bound_is_read() {
    let house = crate::common::simulator(7).await;
    let light = Light::new(&[("house", house.address(), true)], "", "");
    let key_file = light.path("house.key");
    let key = wattle_host::key::load(&key_file).unwrap().public();
    let (chain, microgrid, owner) = (checkpoint(0).genesis_hash, Hash([0x9f; 32]), Address([3; 32]));
    let words = [chain.to_string(), microgrid.to_string(), owner.to_string(), key_file.display().to_string()];
    let [chain_text, grid_text, owner_text, file] = words.each_ref().map(String::as_str);
    let bind =
        ["bind", "--key", file, "--chain", chain_text, "--microgrid", grid_text, "--owner", owner_text];
    let answer = light.ask(&bind).unwrap();
    let opening: Registers = answer["opening"].as_str().unwrap().parse().unwrap();
    assert!(RegisterEncoding::Float32Kwh.watt_hours(&opening.import).unwrap() > WattHours::ZERO, "{answer}");
    let binding: Signature = answer["binding"].as_str().unwrap().parse().unwrap();
    let place = MeterBinding::Connection { microgrid, owner, opening };
    key.verify(&place.signing_bytes(&chain), &binding).unwrap();
    let named = light.ask(&[&bind[..], &["--meter", "house"]].concat()).unwrap();
    assert!(named["opening"].is_string(), "{named}");
    light.ask(&[&bind[..], &["--meter", "barn"]].concat()).unwrap_err();
}
