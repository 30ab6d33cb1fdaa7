//! Times as people write them.

use jiff::Timestamp;
use wattle_primitives::TimeMs;

/// Smallest number that is taken for ms since 1970: in 1973. Below it stand years and seconds that were meant
/// otherwise.
const MS_MIN: u64 = 100_000_000_000;

/// `2026-01-31`, `2026-01-31T12:00Z`, `2026-01-31T12:00:30Z` (UTC), or ms since 1970.
///
/// # Errors
/// Words that say which forms are read.
pub(crate) fn parse_time(text: &str) -> Result<TimeMs, String> {
    let wrong = || format!("{text:?} is no time: expected 2026-01-31, 2026-01-31T12:00Z, or ms since 1970");
    if let Ok(ms) = text.parse() {
        return if ms >= MS_MIN { Ok(TimeMs(ms)) } else { Err(wrong()) };
    }
    let clock = if text.contains('T') { "" } else { "T00:00" };
    let time: Timestamp = format!("{}{clock}Z", text.trim_end_matches('Z')).parse().map_err(|_| wrong())?;
    u64::try_from(time.as_millisecond()).map(TimeMs).map_err(|_| wrong())
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
