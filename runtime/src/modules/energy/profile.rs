//! A meter's use at each time of day: from it a missing reading is estimated.
//!
//! There is a slot for each hour. It moves a quarter of the way towards each interval that is measured in its hour, so
//! one interval makes no estimate, and a day of another use shows after a day. Export is not in it: nobody is paid for
//! silence. While a meter is silent nothing of it is measured, so its profile stands still, and what was estimated for
//! any time can be told again exactly.

use super::DAY_MS;
use super::exact::floor_of;
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::{BoundedVec, TimeMs, WattHours};

/// Slots of a day.
pub const SLOTS: usize = 24;
/// Milliseconds of a slot.
pub(super) const SLOT_MS: u64 = DAY_MS / SLOTS as u64;
/// A slot comes nearer to what is measured by one such part.
const STEP: u64 = 4;

/// Import of an interval by the hour of the day, UTC, in which it begins; empty before the first that was measured,
/// which is taken for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Profile(pub BoundedVec<WattHours, SLOTS>);

impl Profile {
    /// Takes in what an interval imported that began between two times, or the average of those that did.
    pub(super) fn learn(&mut self, from: TimeMs, to: TimeMs, wh: WattHours) {
        let (first, last) = (from.0 / SLOT_MS, to.0.saturating_sub(1).max(from.0) / SLOT_MS);
        let begins = first.rem_euclid(SLOTS as u64);
        let covered = |slot: usize| {
            let after =
                (slot as u64).saturating_add(SLOTS as u64).saturating_sub(begins).rem_euclid(SLOTS as u64);
            first.saturating_add(after) <= last
        };
        let known = |slot: usize| self.0.get(slot).copied();
        let slots = (0..SLOTS).map(|slot| match known(slot) {
            Some(before) if covered(slot) => nearer(before, wh),
            Some(before) => before,
            None => wh,
        });
        self.0 = BoundedVec::new(slots.collect()).unwrap_or_default();
    }

    /// Import from the beginning of time until `at`, if each day were as the profile says; an interval takes
    /// `interval_ms`, a whole part of a day.
    pub(super) fn until(&self, at: TimeMs, interval_ms: TimeMs) -> u64 {
        let begun = |ms: u64| ms.checked_div(interval_ms.0).unwrap_or(0); // intervals that have begun and ended
        let starts = |slot: u64| {
            let ms = slot.saturating_mul(SLOT_MS);
            begun(ms.saturating_add(interval_ms.0).saturating_sub(1))
        };
        let (days, time) = (at.0 / DAY_MS, at.0 % DAY_MS);
        let running = begun(time);
        let part = time.saturating_sub(running.saturating_mul(interval_ms.0));
        let (mut day, mut today) = (0u64, 0u64);
        for (slot, wh) in (0u64..).zip(&self.0) {
            let (first, end) = (starts(slot), starts(slot.saturating_add(1)));
            let whole = running.clamp(first, end).saturating_sub(first);
            day = day.saturating_add(wh.0.saturating_mul(end.saturating_sub(first)));
            today = today.saturating_add(wh.0.saturating_mul(whole));
            if first <= running && running < end {
                today = today.saturating_add(floor_of(wh.0, part, interval_ms.0));
            }
        }
        days.saturating_mul(day).saturating_add(today)
    }

    /// The most that an interval is estimated at.
    #[must_use]
    pub fn most(&self) -> WattHours {
        self.0.iter().copied().max().unwrap_or_default()
    }
}

/// One step from `before` to `now`, which comes there in the end from either side.
fn nearer(before: WattHours, now: WattHours) -> WattHours {
    let step = before.0.abs_diff(now.0).div_ceil(STEP);
    if now > before { before.saturating_add(WattHours(step)) } else { before.saturating_sub(WattHours(step)) }
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
