//! Times as people write them.

use wattle_primitives::TimeMs;

/// Smallest number that is taken for ms since 1970: in 1973. Below it stand years and seconds that were meant otherwise.
const MS_MIN: u64 = 100_000_000_000;

/// `2026-01-31`, `2026-01-31T12:00Z`, `2026-01-31T12:00:30Z` (UTC), or ms since 1970.
///
/// # Errors
/// What was expected.
pub(super) fn parse_time(text: &str) -> Result<TimeMs, String> {
    let wrong = || format!("{text:?} is no time: expected 2026-01-31, 2026-01-31T12:00Z, or ms since 1970");
    if let Ok(ms) = text.parse() {
        return if ms >= MS_MIN { Ok(TimeMs(ms)) } else { Err(wrong()) };
    }
    let (date, clock) = text.split_once('T').unwrap_or((text, "00:00Z"));
    let clock = clock.strip_suffix('Z').unwrap_or(clock);
    let days = days(&numbers(date, '-').ok_or_else(wrong)?).ok_or_else(wrong)?;
    let seconds = seconds(&numbers(clock, ':').ok_or_else(wrong)?).ok_or_else(wrong)?;
    let total =
        days.checked_mul(86_400).and_then(|s| s.checked_add(seconds)).and_then(|s| s.checked_mul(1000));
    total.map(TimeMs).ok_or_else(wrong)
}

fn numbers(text: &str, separator: char) -> Option<Vec<u64>> {
    let digits = |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    text.split(separator).map(|part| digits(part).then(|| part.parse().ok()).flatten()).collect()
}

/// Days since 1970-01-01.
fn days(parts: &[u64]) -> Option<u64> {
    let &[year, month, day] = parts else { return None };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if year < 1970 || day == 0 || day > length {
        return None;
    }
    let before: u64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    let past = year - 1;
    let leaps = past / 4 - past / 100 + past / 400 - 477; // leap days from 1970 on
    Some((year - 1970) * 365 + leaps + before + day - 1)
}

fn seconds(parts: &[u64]) -> Option<u64> {
    let (hour, minute, second) = match *parts {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
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
