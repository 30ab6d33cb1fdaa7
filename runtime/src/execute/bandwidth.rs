//! The bandwidth bucket: an exact leaky bucket in one integer.
//!
//! With a rate of `N` weight units per second and a capacity of `C`, an account keeps `TAT`, the time (in ms times `N`)
//! at which its bucket is empty again:
//! ```text
//! now' = now_ms * N            new = max(TAT, now') + weight * 1000
//! admit iff new - now' <= C * 1000, then TAT = new
//! ```
//! Nothing is divided on the way in, so nothing is lost to rounding however often it is asked, and a block time that
//! stands still does not leak.

use wattle_primitives::{Params, TimeMs, Weight};

/// The rate is per second.
const PER_MS: u128 = 1000;

/// Draws `weight` at `now`. Returns the bucket's new value.
///
/// # Errors
/// The time in ms after which it would fit, rounded up; [`TimeMs::MAX`] when it never will.
pub(super) fn draw(params: &Params, tat: u128, now: TimeMs, weight: Weight) -> Result<u128, TimeMs> {
    let rate = u128::from(params.bandwidth_rate.0);
    let room = u128::from(params.bandwidth_capacity.0).saturating_mul(PER_MS);
    let now = u128::from(now.0).saturating_mul(rate);
    let needed = u128::from(weight.0).saturating_mul(PER_MS);
    let new = tat.max(now).saturating_add(needed);
    let over = new.saturating_sub(now).saturating_sub(room);
    if over == 0 {
        return Ok(new);
    }
    if needed > room {
        return Err(TimeMs::MAX);
    }
    let wait = over.saturating_add(rate.saturating_sub(1)).checked_div(rate);
    Err(TimeMs(wait.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
#[path = "bandwidth_tests.rs"]
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
