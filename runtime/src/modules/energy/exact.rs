//! Sharing without remainders: sums of money among accounts, energy among intervals.
//!
//! Both follow one pattern. A quantity that grows along a line (accounts in the order of their codes, time) is rounded
//! down at each point of the line, and a part is the difference between two points. The parts then sum to exactly the
//! whole, whatever the roundings, and nothing has to be remembered but the point reached.

use super::records::Silence;
use wattle_primitives::TimeMs;

/// The part of `total` that falls to whoever stands between `before` and `after` on a line of length `whole`:
/// `floor(total * after / whole) - floor(total * before / whole)`. Nothing when the line has no length.
#[must_use]
pub(super) fn share(total: u128, before: u64, after: u64, whole: u64) -> u128 {
    up_to(total, after, whole).saturating_sub(up_to(total, before, whole))
}

/// `floor(total * part / whole)` for `part <= whole`, without leaving 128 bits.
fn up_to(total: u128, part: u64, whole: u64) -> u128 {
    let (whole, part) = (u128::from(whole), u128::from(part));
    let (Some(quotient), Some(rest)) = (total.checked_div(whole), total.checked_rem(whole)) else { return 0 };
    let rest = rest.saturating_mul(part).checked_div(whole).unwrap_or(0);
    quotient.saturating_mul(part).saturating_add(rest)
}

/// A counter between two readings: it grows evenly. Between two readings at one time it jumps right after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Time of the first reading.
    pub(super) from_ms: TimeMs,
    /// Time of the second; not before the first.
    pub(super) to_ms: TimeMs,
    /// Energy between the two, Wh.
    pub(super) wh: u64,
}

impl Span {
    /// Energy from the first reading until `at`, Wh.
    pub(super) fn until(&self, at: TimeMs) -> u64 {
        if at <= self.from_ms {
            return 0;
        }
        if at >= self.to_ms {
            return self.wh;
        }
        floor_of(self.wh, at.0.saturating_sub(self.from_ms.0), self.to_ms.0.saturating_sub(self.from_ms.0))
    }

    /// Energy between two times, Wh.
    pub(super) fn between(&self, from: TimeMs, to: TimeMs) -> u64 {
        self.until(to).saturating_sub(self.until(from))
    }
}

impl Silence {
    /// Import estimated between two times, Wh; a whole interval takes `interval_ms`.
    pub(super) fn between(&self, from: TimeMs, to: TimeMs, interval_ms: TimeMs) -> u64 {
        let until =
            |at: TimeMs| floor_of(self.import_wh.0, at.0.saturating_sub(self.since_ms.0), interval_ms.0);
        until(to).saturating_sub(until(from))
    }
}

/// `floor(wh * part / whole)`, at most [`u64::MAX`].
fn floor_of(wh: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(wh).saturating_mul(u128::from(part));
    u64::try_from(product.checked_div(u128::from(whole)).unwrap_or(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wattle_primitives::{Amount, WattHours};

    proptest! {
        #[test]
        fn shares_sum_to_the_whole(total in any::<u128>(), parts in prop::collection::vec(0u64..1 << 50, 1..40)) {
            let whole: u64 = parts.iter().sum();
            let (mut at, mut sum) = (0, 0u128);
            for part in &parts {
                let next = at + part;
                let got = share(total, at, next, whole);
                // Never more than one unit away from the exact part.
                let exact = |total: u128| total / u128::from(whole) * u128::from(*part);
                prop_assert!(whole == 0 || total > 1 << 70 || got.abs_diff(exact(total))
                    <= 1 + (total % u128::from(whole)) * u128::from(*part) / u128::from(whole));
                sum += got;
                at = next;
            }
            prop_assert_eq!(sum, if whole == 0 { 0 } else { total });
        }

        #[test]
        fn energy_over_time_sums_to_the_whole(
            wh in 0u64..1 << 62,
            from in 0u64..1 << 42,
            length in 0u64..1 << 42,
            cuts in prop::collection::vec(0u64..1 << 43, 0..20),
        ) {
            let span = Span { from_ms: TimeMs(from), to_ms: TimeMs(from + length), wh };
            let mut cuts = cuts;
            cuts.sort_unstable();
            cuts.insert(0, 0);
            cuts.push(1 << 44);
            let sum: u64 = cuts.windows(2).map(|c| span.between(TimeMs(c[0]), TimeMs(c[1]))).sum();
            prop_assert_eq!(sum, wh);
        }

        #[test]
        fn estimates_telescope(rate in 0u64..1 << 40, cuts in prop::collection::vec(0u64..1 << 40, 2..20)) {
            let silence = Silence {
                since_ms: TimeMs(1000), import_wh: WattHours(rate), amount: Amount(0),
            };
            let mut cuts = cuts;
            cuts.sort_unstable();
            let length = TimeMs(900_000);
            let at = |n: u64| TimeMs(1000 + n);
            let sum: u64 = cuts.windows(2).map(|c| silence.between(at(c[0]), at(c[1]), length)).sum();
            prop_assert_eq!(sum, silence.between(at(cuts[0]), at(cuts[cuts.len() - 1]), length));
        }
    }
}
