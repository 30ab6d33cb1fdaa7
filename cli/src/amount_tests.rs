#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

#[test]
fn amounts_are_exact_or_refused() {
    let symbol: Symbol = "WATT".parse().unwrap();
    let malformed = |text: &str| Err(AmountError::Malformed { text: text.into() });
    let places = |text: &str, places, scale| {
        Err(AmountError::Places { text: text.into(), places, symbol: symbol.clone(), scale })
    };
    let max = u128::MAX.to_string();
    let table: &[(&str, u8, Result<u128, AmountError>)] = &[
        ("1", 6, Ok(1_000_000)),
        ("1.5", 6, Ok(1_500_000)),
        (" 1.5 WATT ", 6, Ok(1_500_000)),
        ("1.5WATT", 6, Ok(1_500_000)),
        ("0.000001", 6, Ok(1)),
        ("1.50000000000", 6, Ok(1_500_000)),
        ("007", 0, Ok(7)),
        ("1500000 base", 6, Ok(1_500_000)),
        ("7base", 18, Ok(7)),
        (&max, 0, Ok(u128::MAX)),
        ("340282366920938463463.374607431768211455", 18, Ok(u128::MAX)),
        (
            "340282366920938463463.374607431768211456",
            18,
            Err(AmountError::Overflow { text: "340282366920938463463.374607431768211456".into() }),
        ),
        (&max, 1, Err(AmountError::Overflow { text: max.clone() })),
        ("1.5 base", 6, places("1.5 base", 1, 0)),
        ("0.0000001", 6, places("0.0000001", 7, 6)),
        ("1.5", 0, places("1.5", 1, 0)),
        ("0", 6, Err(AmountError::Zero)),
        ("0.000", 6, Err(AmountError::Zero)),
        ("1 KES", 6, Err(AmountError::Symbol { got: "KES".into(), expected: symbol.clone() })),
        ("", 6, malformed("")),
        (".", 6, malformed(".")),
        (".5", 6, malformed(".5")),
        ("5.", 6, malformed("5.")),
        ("1.2.3", 6, malformed("1.2.3")),
        ("-1", 6, malformed("-1")),
        ("+1", 6, malformed("+1")),
        ("1e3", 6, malformed("1e3")),
        ("1,5", 6, malformed("1,5")),
        ("1_000", 6, malformed("1_000")),
        ("0x10", 6, malformed("0x10")),
        ("WATT", 6, malformed("WATT")),
        ("١", 6, malformed("١")),
        ("1 watt", 6, malformed("1 watt")),
    ];
    for (text, scale, want) in table {
        assert_eq!(parse(text, &symbol, *scale).map(|a| a.0), *want, "{text:?} at {scale}");
    }
}

#[test]
fn what_is_shown_reads_back() {
    let symbol: Symbol = "WATT".parse().unwrap();
    let table = [(1_500_000, 6, "1.5"), (1, 6, "0.000001"), (0, 6, "0"), (7, 0, "7"), (1_000_000, 6, "1")];
    for (units, scale, want) in table {
        assert_eq!(format(Amount(units), scale), want);
    }
    for units in [1, 9, 10, 999_999, 1_000_001, u128::MAX] {
        for scale in [0, 1, 6, 18] {
            let shown = format(Amount(units), scale);
            assert_eq!(parse(&shown, &symbol, scale), Ok(Amount(units)), "{shown} at {scale}");
        }
    }
}

/// Anybody may call an asset what the native one is called: its number tells them apart.
#[test]
fn only_the_native_asset_goes_by_its_symbol_alone() {
    let wat = "WAT".parse().unwrap();
    assert_eq!(asset_name(&wat, AssetId::NATIVE), "WAT");
    assert_eq!(asset_name(&wat, AssetId(12)), "WAT-12");
}
