//! Text from people, clients and files: what is read is written and read again as the same.

use crate::heap;
use crate::world::world;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use wattle_chain_spec::{ChainSpec, Checkpoint, NodeAddress, Template};
use wattle_cli::amount as amounts;
use wattle_cli::keystore::derive;
use wattle_meter::LightConfig;
use wattle_meter::sensor::Profile;
use wattle_node::home::{Home, NodeConfigFile};
use wattle_primitives::call::token::{SCALE_MAX, Symbol};
use wattle_primitives::tx::CALLS_MAX;
use wattle_primitives::{
    Address, Amount, BoundedVec, Call, Hash, Height, PublicKey, Signature, decode, encode,
};

/// Memory for reading text: parsers keep a tree of it.
fn bounded<T>(text: &[u8], work: impl FnOnce() -> T) -> T {
    heap::bounded(text.len().saturating_mul(512).saturating_add(1024 * 1024), work)
}

/// A chain specification, and the template of one.
pub fn genesis_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(spec) = bounded(bytes, || ChainSpec::from_toml(text, "input")) {
        spec.genesis.check().expect("only a sound genesis is read");
        // Parameters above 2^63 have no TOML form: then there is an error and no other text.
        if let Ok(written) = spec.to_toml() {
            assert_eq!(ChainSpec::from_toml(&written, "again").expect("what is written is read"), spec);
        }
    }
    if let Ok(template) = Template::from_toml(text, "input") {
        // A preset's parameters are checked when the chain is completed, whatever else is given.
        let _ = template.complete(wattle_primitives::TimeMs(1), Vec::new(), Vec::new(), Vec::new());
    }
}

/// A light node's checkpoint.
pub fn checkpoint(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(checkpoint) = bounded(bytes, || Checkpoint::from_json(text)) else { return };
    assert_eq!(Checkpoint::from_json(&checkpoint.to_json()).expect("what is written is read"), checkpoint);
    assert_eq!(checkpoint.header.next_validators_hash, checkpoint.validators.hash());
}

/// Calls as a client gives them to `tx_prepare`, in JSON.
pub fn calls_json(bytes: &[u8]) {
    let Ok(calls) = bounded(bytes, || serde_json::from_slice::<BoundedVec<Call, CALLS_MAX>>(bytes)) else {
        return;
    };
    let mut body = world().blocks[1].txs[0].body().clone();
    body.calls = calls;
    let encoded = encode(&body);
    match decode::<wattle_primitives::TxBody>(&encoded) {
        Ok(again) => assert_eq!(again, body),
        Err(error) => assert!(encoded.len() > wattle_primitives::tx::TX_BYTES_MAX, "{error}: {body:?}"),
    }
    json_again(&body.calls);
}

fn json_again<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).expect("every value has a JSON form");
    assert_eq!(serde_json::from_str::<T>(&json).expect("what is written is read"), *value, "{json}");
}

fn text_again<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) -> Option<String> {
    let value = text.parse::<T>().ok()?;
    let written = value.to_string();
    assert_eq!(written.parse::<T>().expect("what is written is read"), value, "{written}");
    Some(written)
}

/// Short texts with a meaning: addresses, hashes, keys, numbers, symbols, node addresses, mnemonics.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(written) = text_again::<Address>(text) {
        assert_eq!(written, text.to_ascii_lowercase(), "an address has two names");
    }
    for written in [text_again::<Hash>(text), text_again::<PublicKey>(text), text_again::<Signature>(text)]
        .into_iter()
        .flatten()
    {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        assert!(written.trim_start_matches("0x").eq_ignore_ascii_case(digits), "{written} for {text}");
    }
    text_again::<Height>(text);
    text_again::<Amount>(text);
    text_again::<Symbol>(text);
    text_again::<NodeAddress>(text);
    text_again::<wattle_p2p::Multiaddr>(text);
    let _ = derive::parse(text).map(|mnemonic| derive::account(&mnemonic, "", 0));
}

/// An amount as people write it. The first byte gives the asset's decimal places.
pub fn amount(bytes: &[u8]) {
    let Some((places, rest)) = bytes.split_first() else { return };
    let (scale, Ok(text)) = (places % (SCALE_MAX + 1), std::str::from_utf8(rest)) else { return };
    let symbol: Symbol = "WAT".parse().expect("a symbol");
    if let Ok(amount) = amounts::parse(text, &symbol, scale) {
        let written = amounts::format(amount, scale);
        assert_eq!(amounts::parse(&written, &symbol, scale), Ok(amount), "{text:?} is written {written:?}");
    }
    // Any number of base units has a text that leads back to it.
    if let Some(units) = rest.first_chunk().map(|b| Amount(u128::from_le_bytes(*b))).filter(|a| a.0 > 0) {
        let written = amounts::format(units, scale);
        assert_eq!(amounts::parse(&written, &symbol, scale), Ok(units));
    }
}

/// A node's `config.toml`, through its file.
pub fn node_config(bytes: &[u8]) {
    let dir = crate::disk::scratch("node-config");
    let home = Home::new(&dir);
    std::fs::write(home.config_path(), bytes).expect("scratch directory");
    let Ok(config) = bounded(bytes, || home.config()) else { return };
    home.write_config(&config).expect("what is read is written");
    let again: NodeConfigFile = home.config().expect("what is written is read");
    assert_eq!(again, config);
}

/// A light node's configuration, through its file.
pub fn light_config(bytes: &[u8]) {
    let path = crate::disk::scratch("light-config").join("light.toml");
    std::fs::write(&path, bytes).expect("scratch directory");
    if let Ok(config) = bounded(bytes, || LightConfig::load(&path)) {
        config.check().expect("only a sound configuration is read");
        assert!(config.queue_capacity() <= wattle_meter::queue::CAPACITY_MAX);
    }
}

/// A meter's profile.
pub fn meter_profile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(profile) = bounded(bytes, || Profile::from_toml(text, "input")) else { return };
    let blocks = profile.blocks();
    assert!(blocks.iter().all(|b| (1..=profile.registers_per_request_max).contains(&b.count)), "{blocks:?}");
    let covered = |function, address: u16, words: u16| {
        blocks.iter().any(|b| {
            b.function == function
                && b.address <= address
                && u32::from(address) + u32::from(words) <= u32::from(b.address) + u32::from(b.count)
        })
    };
    if let Some(energy) = &profile.energy {
        assert!(covered(energy.function, energy.import, energy.words()));
        assert!(covered(energy.function, energy.export, energy.words()));
        assert!(energy.scale_factor.is_none_or(|at| covered(energy.function, at, 1)));
    }
    for quantity in profile.quantities.values() {
        assert!(quantity.scale_factor.is_none_or(|at| covered(quantity.function, at, 1)));
        assert!(covered(quantity.function, quantity.address, quantity.value_type.words()), "{quantity:?}");
    }
}
