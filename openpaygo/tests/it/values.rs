//! Values and dividers.

use openpaygo::{Divider, Value, ValueError};

fn value(text: &str) -> Value {
    text.parse().unwrap()
}

#[test]
fn rounding_is_half_to_even_and_exact() {
    let table = [
        ("0.125", 4, 0),
        ("0.375", 4, 2),
        ("0.625", 4, 2),
        ("0.285", 100, 28), // 28.5; a binary float has less
        ("1.005", 100, 100),
        ("0.575", 100, 58), // 57.5; a binary float has less
        ("7", 1, 7),
        ("7.", 3, 21),
        (".5", 1, 0),
        ("1.5", 1, 2),
        ("0.000000001", 1_000_000_000, 1),
        ("4294967295", 1, u32::MAX),
    ];
    for (text, divider, want) in table {
        assert_eq!(Divider::new(divider).unwrap().units(value(text)), Some(want), "{text} * {divider}");
    }
    assert_eq!(Divider::ONE.units(value("4294967296")), None);
    assert_eq!(Divider::new(u32::MAX).unwrap().units(value("18446744073709551615")), None);
    let third = Value::ratio(1, 3).unwrap();
    assert_eq!(Divider::new(3).unwrap().units(third), Some(1));
    assert!(Divider::new(0).is_none());
}

#[test]
fn a_value_is_a_decimal_number_and_not_negative() {
    let table = [
        ("-1", ValueError::Format),
        ("+1", ValueError::Format),
        ("", ValueError::Format),
        (".", ValueError::Format),
        ("1.2.3", ValueError::Format),
        ("1e3", ValueError::Format),
        ("0.0000000001", ValueError::Places),
        ("18446744073709551616", ValueError::TooLarge),
    ];
    for (text, want) in table {
        assert_eq!(text.parse::<Value>(), Err(want), "{text}");
    }
    assert_eq!(Value::ratio(1, 0), Err(ValueError::ZeroDenominator));
}

#[test]
fn units_come_back_as_the_value_that_they_are() {
    let table = [
        (1, 4, "0.25"),
        (995, 1, "995"),
        (8, 4, "2"),
        (1, 3, "0.333333333"),
        (2, 3, "0.666666667"),
        (0, 7, "0"),
    ];
    for (units, divider, want) in table {
        let found = Divider::new(divider).unwrap().value(units);
        assert_eq!(found.to_string(), want);
        assert_eq!(Divider::new(divider).unwrap().units(found), Some(units));
    }
    assert_eq!(value("0.50"), Value::ratio(1, 2).unwrap());
    assert_eq!((value("4.0").whole(), value("4.5").whole()), (Some(4), None));
}
