//! Times as people write them.

use jiff::Timestamp;
use wattle_primitives::TimeMs;

/// Smallest number that is taken for ms since 1970: in 1973. Below it stand years and seconds that were meant otherwise.
const MS_MIN: u64 = 100_000_000_000;

/// `2026-01-31`, `2026-01-31T12:00Z`, `2026-01-31T12:00:30Z` (UTC), or ms since 1970.
///
/// # Errors
/// Words that say which forms are read.
pub(super) fn parse_time(text: &str) -> Result<TimeMs, String> {
    let wrong = || format!("{text:?} is no time: expected 2026-01-31, 2026-01-31T12:00Z, or ms since 1970");
    if let Ok(ms) = text.parse() {
        return if ms >= MS_MIN { Ok(TimeMs(ms)) } else { Err(wrong()) };
    }
    let clock = if text.contains('T') { "" } else { "T00:00" };
    let time: Timestamp = format!("{}{clock}Z", text.trim_end_matches('Z')).parse().map_err(|_| wrong())?;
    u64::try_from(time.as_millisecond()).map(TimeMs).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::output;

    #[test]
    fn times_are_read_as_they_are_printed() {
        for ms in
            [0, 951_782_400_000, 951_868_800_000, 1_709_164_800_000, 1_800_000_000_000, 4_102_444_799_000]
        {
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
}
