#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

/// Goal: whoever copies the terms out of the help gets terms.
#[test]
fn the_example_of_terms_is_one() {
    let (_, toml) = TERMS_EXAMPLE.split_once("kWh):\n").unwrap();
    let terms: Terms = toml::from_str(toml).unwrap();
    assert_eq!((terms.out_of_range(), terms.tariff.len(), terms.takes_orders()), (None, 2, true));
}

#[test]
fn intervals_divide_a_day() {
    for good in ["1", "5", "15", "60", "1440"] {
        assert!(part_of_a_day(good).is_ok(), "{good}");
    }
    for bad in ["0", "7", "1441", "2880", "x", ""] {
        assert!(part_of_a_day(bad).is_err(), "{bad}");
    }
}
