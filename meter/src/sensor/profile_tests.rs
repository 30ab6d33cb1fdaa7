//! Profiles that are refused, and how few requests read a meter.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn the_sdm630_is_read_in_three_requests() {
    let blocks: Vec<(u16, u16)> =
        Profile::find("sdm630").unwrap().blocks().iter().map(|b| (b.address, b.count)).collect();
    assert_eq!(blocks, [(0x00, 18), (0x34, 2), (0x46, 6)]);
}

#[test]
fn blocks_respect_the_limits() {
    let mut profile = Profile::find("sdm630").unwrap();
    for (per_request, gap) in [(4, 0), (8, 2), (60, 60), (60, 34)] {
        profile.registers_per_request_max = per_request;
        profile.registers_per_gap_max = gap;
        let blocks = profile.blocks();
        assert!(blocks.iter().all(|b| b.count <= per_request), "{per_request} {gap} {blocks:?}");
        for quantity in profile.quantities.values() {
            let covers = |b: &Block| {
                b.address <= quantity.address
                    && quantity.address + quantity.value_type.words() <= b.address + b.count
            };
            assert!(blocks.iter().any(covers), "{quantity:?} in {blocks:?}");
        }
    }
}

#[test]
fn every_built_in_profile_is_sound() {
    let mut requests = BTreeMap::new();
    for &(name, text) in BUILT_IN {
        let profile = Profile::find(name).unwrap();
        assert_eq!(Profile::from_toml(&toml::to_string(&profile).unwrap(), name).unwrap(), profile);
        assert!(text.starts_with("# "), "{name} says what it is");
        requests.insert(name, profile.blocks().len());
        let counters = profile.energy.as_ref().map(|e| (e.import, e.export));
        let (import, export) = match name {
            "victron" => {
                assert_eq!(counters, None);
                continue;
            }
            "sunspec" => (46, 38),
            _ => (0x48, 0x4A),
        };
        assert_eq!(counters, Some((import, export)), "{name}");
    }
    let want = [("sdm120", 5), ("sdm230", 6), ("sdm630", 3), ("sunspec", 1), ("victron", 2)];
    assert_eq!(requests, BTreeMap::from(want));
    assert_eq!(Profile::find("sunspec").unwrap().model_registers(), 55);
}

#[test]
fn an_encoding_must_suit_the_meter() {
    let acc32 = |exponent| RegisterEncoding::Acc32 { exponent };
    let with = |name, encoding| Profile::find(name).unwrap().with_encoding(encoding);
    let exponent = |profile: Profile| profile.energy.unwrap().exponent();
    assert_eq!(exponent(with("sunspec", acc32(1)).unwrap()), Some(1));
    assert_eq!(exponent(with("sunspec", RegisterEncoding::Uint32Wh).unwrap()), Some(0));
    for (name, encoding) in [
        ("sunspec", acc32(7)),
        ("sunspec", RegisterEncoding::Float32Kwh), // its scale factor would mean nothing
        ("sunspec", RegisterEncoding::Uint64Wh),
        ("victron", acc32(0)),
    ] {
        assert!(with(name, encoding).is_err(), "{name} {encoding:?}");
    }
}

#[test]
fn values_decode_and_nonsense_does_not() {
    let table = [
        (ValueType::Float32, vec![0x4366, 0x3334], Some(f64::from(f32::from_bits(0x4366_3334)))),
        (ValueType::Float32, vec![0x7fc0, 0], None),
        (ValueType::Float32, vec![0x7f80, 0], None),
        (ValueType::Float32, vec![0x4366], None),
        (ValueType::Int16, vec![0xffff], Some(-1.0)),
        (ValueType::Uint16, vec![0xffff], Some(65535.0)),
        (ValueType::Int32, vec![0xffff, 0xfffe], Some(-2.0)),
        (ValueType::Uint32, vec![1, 0], Some(65536.0)),
    ];
    for (value_type, words, want) in table {
        assert_eq!(value_type.decode(&words), want, "{value_type:?} {words:04x?}");
    }
}

#[test]
fn profiles_out_of_range_are_refused() {
    for (from, to) in [
        ("registers_per_request_max = 60", "registers_per_request_max = 61"),
        ("import = 0x0048", "import = 0xFFFF"),
        ("address = 0x0000", "address = 0xFFFF"),
        ("float32_kwh", "float64"),
        ("watts_max = 80000", "watts_max = 0"),
        ("address = 0xFC00", "address = 0xFFFF"),
        ("[energy]", "[sunspec]\nbases = []\nmodels = [203]\n[energy]"),
        ("export = 0x004A", "export = 0x004A\nscale_factor = 0x50"),
    ] {
        assert!(Profile::from_toml(&SDM630.replacen(from, to, 1), "x").is_err(), "{to}");
    }
    assert!(matches!(Profile::find("/no/such.toml"), Err(ProfileError::Read { .. })));
}
