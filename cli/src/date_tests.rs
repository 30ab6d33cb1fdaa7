#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::output;

#[test]
fn times_are_read_as_they_are_printed() {
    for ms in [0, 951_782_400_000, 951_868_800_000, 1_709_164_800_000, 1_800_000_000_000, 4_102_444_799_000] {
        let text = output::time(TimeMs(ms));
        assert_eq!(parse_time(&text), Ok(TimeMs(ms)), "{text}");
    }
    assert_eq!(parse_time("2026-01-31").unwrap(), parse_time("2026-01-31T00:00Z").unwrap());
    assert_eq!(parse_time("1800000000000"), Ok(TimeMs(1_800_000_000_000)));
    for bad in [
        "",
        "2026",
        "1800000000", // seconds
        "2026-13-01",
        "2026-02-29",
        "1969-12-31",
        "2026-01-31T24:00Z",
        "2026-01-3a",
        "x",
    ] {
        assert!(parse_time(bad).is_err(), "{bad}");
    }
}
