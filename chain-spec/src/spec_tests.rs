#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use wattle_primitives::genesis::GenesisMeter;
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::{
    Address, Amount, AssetId, Epoch, Hash, SecretKey, Validator, ValidatorSet, VotingPower,
};

fn key(seed: u8) -> wattle_primitives::PublicKey {
    SecretKey::from_seed([seed; 32]).public()
}

fn spec(preset: Preset) -> ChainSpec {
    let set = |seeds: &[u8]| {
        ValidatorSet::new(seeds.iter().map(|s| Validator { key: key(*s), power: VotingPower(1) }).collect())
            .unwrap()
    };
    let sets = vec![
        ScheduledSet { from_epoch: Epoch(0), validators: set(&[1, 2, 3, 4]) },
        ScheduledSet { from_epoch: Epoch(2), validators: set(&[2, 3, 4, 5]) },
    ];
    let accounts = (9..12).map(|s| GenesisAccount { key: key(s), balance: Amount(1 << 78) }).collect();
    let meter = GenesisMeter {
        key: key(20),
        owner: Address::of_key(&key(9)),
        encoding: RegisterEncoding::Float32Kwh,
        role: MeterRole::Sub,
        power_max_w: 69_000,
        allowance: Amount(1_000_000),
    };
    let grid = GenesisMicrogrid {
        operator: Address::of_key(&key(9)),
        reference: Hash([7; 32]),
        asset: AssetId::NATIVE,
        interval_ms: TimeMs(900_000),
        terms: None,
        meters: vec![meter],
    };
    preset.template().unwrap().complete(TimeMs(1_700_000_000_000), sets, accounts, vec![grid]).unwrap()
}

#[test]
fn every_preset_completes_and_survives_toml() {
    for preset in Preset::ALL {
        let spec = spec(preset);
        let text = spec.to_toml().unwrap();
        let again = ChainSpec::from_toml(&text, "spec.toml").unwrap();
        assert_eq!(again, spec, "{text}");
        assert_eq!(again.genesis.hash(), spec.genesis.hash());
        assert_eq!(preset.name().parse::<Preset>().unwrap(), preset);
    }
    assert!(matches!("village".parse::<Preset>(), Err(SpecError::Preset { .. })));
}

#[test]
fn errors_name_line_and_column() {
    let good = spec(Preset::Devnet).to_toml().unwrap();
    let line_of = |text: &str, what: &str| text.lines().position(|l| l.contains(what)).unwrap() + 1;
    let table = [
        /* replaced, by, what the message says */
        ("epoch_length = 1000", "epoch_length = \"many\"", "u64"),
        ("leader_timeout_ms", "leader_time_out_ms", "unknown field"),
        ("mdns = false", "mdns = maybe", ""),
        ("native_symbol = \"WAT\"", "native_symbol = \"wat\"", "symbol"),
        ("epoch_length = 1000", "epoch_length = 0", "epoch_length"),
        ("block_bytes_max = 2097152", "block_bytes_max = 1", "block_bytes_max"),
    ];
    for (from, to, says) in table {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from} not in the text");
        let error = ChainSpec::from_toml(&text, "bad.toml").unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        let shown = format!("{error}: {source}");
        assert!(shown.starts_with(&format!("bad.toml:{}:", line_of(&text, to))), "{shown}");
        assert!(shown.contains(says), "{shown}");
    }
}

#[test]
fn a_missing_section_and_a_missing_file_are_told_apart() {
    assert!(matches!(ChainSpec::from_toml("", "empty"), Err(SpecError::Syntax { .. })));
    assert!(matches!(ChainSpec::load(Path::new("/no/such/spec.toml")), Err(SpecError::Read { .. })));
}

#[test]
fn too_many_and_malformed_bootstrap_addresses_are_refused() {
    let mut spec = spec(Preset::Microgrid);
    let address: crate::NodeAddress = "/ip4/10.0.0.1/tcp/8650/p2p/12D3KooW".parse().unwrap();
    spec.network.bootstrap = vec![address; BOOTSTRAP_MAX + 1];
    let text = spec.to_toml().unwrap();
    assert!(matches!(ChainSpec::from_toml(&text, "x"), Err(SpecError::Bootstrap { .. })));
    for bad in ["", "/", "10.0.0.1:80", "/ip4//tcp", "/ip4/10.0.0.1 /tcp/1"] {
        assert!(bad.parse::<crate::NodeAddress>().is_err(), "{bad:?}");
    }
}
