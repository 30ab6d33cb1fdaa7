//! Sharing without remainders: sums of money among accounts, energy among intervals.
//!
//! Both follow one pattern. A quantity that grows along a line (accounts in the order of their codes, time) is rounded
//! down at each point of the line, and a part is the difference between two points. The parts then sum to exactly the
//! whole, whatever the roundings, and nothing has to be remembered but the point reached.

use wattle_primitives::TimeMs;

/// The part of `total` that falls to whoever stands between `before` and `after` on a line of length `whole`:
/// `floor(total * after / whole) - floor(total * before / whole)`. Nothing when the line has no length.
#[must_use]
pub(super) fn share(total: u128, before: u64, after: u64, whole: u64) -> u128 {
    let up_to = |part: u64| proportion(total, part.into(), whole.into());
    up_to(after).saturating_sub(up_to(before))
}

/// `floor(total * part / whole)` for `part <= whole`, without leaving 128 bits. Nothing of nothing. Wholes above 2^126,
/// which no sum of money comes to, count in units of four, so that no more is shared than there is.
#[must_use]
pub(super) fn proportion(total: u128, part: u128, whole: u128) -> u128 {
    let (part, whole) =
        if whole >> 126 == 0 { (part, whole) } else { (part / 4, (whole / 4).saturating_add(1)) };
    let part = part.min(whole);
    let (Some(quotient), Some(rest)) = (total.checked_div(whole), total.checked_rem(whole)) else { return 0 };
    let shared = quotient.saturating_mul(part);
    if let Some(product) = rest.checked_mul(part) {
        return shared.saturating_add(product.checked_div(whole).unwrap_or(0));
    }
    // The rest is below the whole, so that long multiplication, bit by bit, stays below three times the whole.
    let (mut of_rest, mut left) = (0u128, 0u128);
    for bit in (0..u128::BITS).rev() {
        let more = if rest >> bit & 1 == 1 { part } else { 0 };
        (of_rest, left) = (of_rest.saturating_mul(2), left.saturating_mul(2).saturating_add(more));
        while left >= whole {
            (of_rest, left) = (of_rest.saturating_add(1), left.saturating_sub(whole));
        }
    }
    shared.saturating_add(of_rest)
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

/// `floor(wh * part / whole)`, at most [`u64::MAX`].
pub(super) fn floor_of(wh: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(wh).saturating_mul(u128::from(part));
    u64::try_from(product.checked_div(u128::from(whole)).unwrap_or(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "exact_tests.rs"]
mod tests;
