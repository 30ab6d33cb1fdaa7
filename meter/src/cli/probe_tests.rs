#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn units_are_numbers_and_ranges() {
    let units = |text: &str| text.parse::<Units>().map(|units| units.0);
    assert_eq!(units("1").unwrap(), [1]);
    assert_eq!(units("100,1-3,2-4").unwrap(), [1, 2, 3, 4, 100]);
    assert_eq!(units("0-255").unwrap().len(), 256);
    for text in ["", "1,", "5-3", "256", "1-", "-1", "a"] {
        assert!(units(text).is_err(), "{text}");
    }
}
