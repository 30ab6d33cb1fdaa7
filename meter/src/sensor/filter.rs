//! Decides whether counter values may be believed.
//!
//! Meters sometimes answer with a NaN or a transient zero. Booking the recovery after such a zero as consumption
//! would charge a lifetime's energy at once, so a lower value is held back until it has been seen several times in
//! a row. A confirmed drop is a reset or a swapped meter: the operator is told, and nothing more is signed until the
//! meter is registered anew, under a key of its own, or counts on from the last good value after all.
//!
//! | counter | verdict |
//! |---|---|
//! | as the last good one or higher | good |
//! | lower, rolls over, was near its end, and came no further than the meter's power allows | good |
//! | lower | held, until seen [`DROP_CONFIRMATIONS`] times in a row |
//! | lower, confirmed | reset, from then on |
//! | both zero, and nothing is known yet | held, until seen as often |

use super::profile::Profile;
use std::time::{Duration, Instant};
use wattle_primitives::WattHours;
use wattle_primitives::reading::{RegisterEncoding, Words, WordsError};

/// How often in a row a drop must be seen before it is believed.
pub const DROP_CONFIRMATIONS: u32 = 5;
/// A counter of 32 bits that rolls over advances by less than this between two good values, and so was near its end.
const ROLL_OVER_COUNTS_MAX: u32 = u32::MAX / 8;
const MS_PER_HOUR: u128 = 3_600_000;

/// Both counters as they were read, and what they stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Energy {
    /// Words of the import counter.
    pub import: Words,
    /// Words of the export counter.
    pub export: Words,
    /// Import in Wh.
    pub import_wh: WattHours,
    /// Export in Wh.
    pub export_wh: WattHours,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the meter's new state.
    Good,
    /// It is lower than before and not yet confirmed: the last good value stands.
    Held {
        /// How often it has been seen in a row.
        seen: u32,
    },
    /// It is lower than before and was confirmed, or comes from another meter: the meter was reset or swapped. The
    /// last good value is the old meter's final one.
    Reset,
}

/// Remembers the last good value of one meter.
#[derive(Debug)]
pub struct Filter {
    encoding: RegisterEncoding,
    watts_max: u32,
    good: Option<Energy>,
    /// When the good value was read; unknown for one from before the start.
    good_at: Option<Instant>,
    dropped: Option<Energy>,
    seen: u32,
}

impl Energy {
    /// Decodes both counters.
    ///
    /// # Errors
    /// [`WordsError`] when either is no amount of energy.
    pub fn decode(encoding: RegisterEncoding, import: Words, export: Words) -> Result<Self, WordsError> {
        let (import_wh, export_wh) = (encoding.watt_hours(&import)?, encoding.watt_hours(&export)?);
        Ok(Self { import, export, import_wh, export_wh })
    }

    fn is_zero(&self) -> bool {
        self.import_wh == WattHours::ZERO && self.export_wh == WattHours::ZERO
    }

    fn is_below(&self, other: &Self) -> bool {
        self.import_wh < other.import_wh || self.export_wh < other.export_wh
    }
}

impl Filter {
    /// A filter for counters of this encoding in a meter built for at most `watts_max`.
    #[must_use]
    pub const fn new(encoding: RegisterEncoding, watts_max: u32) -> Self {
        Self { encoding, watts_max, good: None, good_at: None, dropped: None, seen: 0 }
    }

    /// The filter for meters of this kind; `None` for those without counters.
    #[must_use]
    pub fn of(profile: &Profile) -> Option<Self> {
        profile.energy.as_ref().map(|energy| Self::new(energy.encoding, profile.watts_max))
    }

    /// Takes a value in that was read at `now`.
    pub fn accept(&mut self, value: &Energy, now: Instant) -> Verdict {
        let follows = match &self.good {
            Some(good) => self.follows(good, value, now),
            // Nothing to compare with: a zero may be a transient one, and must be as steady as a drop.
            None => !value.is_zero() || self.seen.saturating_add(1) >= DROP_CONFIRMATIONS,
        };
        if follows {
            self.settle(value, now);
            return Verdict::Good;
        }
        // The drop itself must be steady: a value below the one that was to be confirmed starts the count anew.
        let steady = self.dropped.as_ref().is_some_and(|dropped| !value.is_below(dropped));
        self.seen = if steady { self.seen.saturating_add(1) } else { 1 };
        self.dropped = Some(value.clone());
        if self.seen >= DROP_CONFIRMATIONS { Verdict::Reset } else { Verdict::Held { seen: self.seen } }
    }

    /// Takes over the last good value from before the start: a first value below it is held like any other.
    pub fn remember(&mut self, good: Energy) {
        (self.good, self.good_at) = (Some(good), None);
        (self.dropped, self.seen) = (None, 0);
    }

    /// The last good value.
    #[must_use]
    pub const fn good(&self) -> Option<&Energy> {
        self.good.as_ref()
    }

    fn follows(&self, good: &Energy, value: &Energy, now: Instant) -> bool {
        let since = self.good_at.map(|at| now.saturating_duration_since(at));
        let import = value.import_wh >= good.import_wh || self.rolled(&good.import, &value.import, since);
        let export = value.export_wh >= good.export_wh || self.rolled(&good.export, &value.export, since);
        import && export
    }

    /// Whether a counter that fell has passed its end: then the way round is short enough for the meter's power.
    fn rolled(&self, old: &Words, new: &Words, since: Option<Duration>) -> bool {
        let (Some(old), Some(new)) = (count(old), count(new)) else { return false };
        let advance = new.wrapping_sub(old);
        if !self.encoding.rolls_over() || advance > ROLL_OVER_COUNTS_MAX {
            return false;
        }
        let (Some(since), Some(advance)) = (since, self.watt_hours(advance)) else {
            return since.is_none(); // no time to compare with: near its end has to do
        };
        // Two counts more, since both values are cut off.
        let slack = self.watt_hours(2).unwrap_or_default();
        let most = u128::from(self.watts_max).saturating_mul(since.as_millis()) / MS_PER_HOUR;
        u128::from(advance) <= most.saturating_add(u128::from(slack))
    }

    fn watt_hours(&self, counts: u32) -> Option<u64> {
        let [a, b, c, d] = counts.to_be_bytes();
        let words = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        self.encoding.watt_hours(&words).ok().map(|energy| energy.0)
    }

    fn settle(&mut self, value: &Energy, now: Instant) {
        (self.good, self.good_at) = (Some(value.clone()), Some(now));
        (self.dropped, self.seen) = (None, 0);
    }
}

/// A counter of two words as a number.
fn count(words: &Words) -> Option<u32> {
    match words[..] {
        [high, low] => Some(u32::from(high) << 16 | u32::from(low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn words(v: u32) -> Words {
        Words::new(vec![(v >> 16) as u16, v as u16]).unwrap()
    }

    fn energy(import: u32, export: u32) -> Energy {
        Energy::decode(RegisterEncoding::Uint64Wh, wide(import), wide(export)).unwrap()
    }

    fn wide(v: u32) -> Words {
        Words::new(vec![0, 0, (v >> 16) as u16, v as u16]).unwrap()
    }

    #[test]
    fn a_transient_zero_is_never_believed() {
        let (mut filter, now) = (Filter::new(RegisterEncoding::Uint64Wh, 100_000), Instant::now());
        let steps = [
            (energy(1000, 5), Verdict::Good),
            (energy(0, 0), Verdict::Held { seen: 1 }),
            (energy(0, 0), Verdict::Held { seen: 2 }),
            (energy(1001, 5), Verdict::Good),
            (energy(1001, 4), Verdict::Held { seen: 1 }),
            (energy(1001, 5), Verdict::Good),
        ];
        for (value, want) in steps {
            assert_eq!(filter.accept(&value, now), want, "{value:?}");
        }
        assert_eq!(filter.good().unwrap().import_wh, WattHours(1001));
    }

    #[test]
    fn a_zero_right_after_the_start_is_held_as_well() {
        let (mut filter, now) = (Filter::new(RegisterEncoding::Uint64Wh, 100_000), Instant::now());
        filter.remember(energy(1000, 5));
        assert_eq!(filter.accept(&energy(0, 0), now), Verdict::Held { seen: 1 });
        assert_eq!(filter.accept(&energy(1002, 5), now), Verdict::Good);
    }

    #[test]
    fn a_meter_fresh_from_its_box_is_believed_when_its_zero_is_steady() {
        let (mut filter, now) = (Filter::new(RegisterEncoding::Uint64Wh, 100_000), Instant::now());
        for seen in 1..DROP_CONFIRMATIONS {
            assert_eq!(filter.accept(&energy(0, 0), now), Verdict::Held { seen });
        }
        assert_eq!(filter.accept(&energy(0, 0), now), Verdict::Good);
        assert_eq!(filter.accept(&energy(1, 0), now), Verdict::Good);
        let mut filter = Filter::new(RegisterEncoding::Uint64Wh, 100_000);
        filter.accept(&energy(0, 0), now);
        assert_eq!(filter.accept(&energy(1000, 0), now), Verdict::Good); // it was a transient one
    }

    #[test]
    fn a_steady_drop_is_a_reset_and_an_unsteady_one_is_not() {
        let (mut filter, now) = (Filter::new(RegisterEncoding::Uint64Wh, 100_000), Instant::now());
        filter.accept(&energy(1000, 0), now);
        for seen in 1..DROP_CONFIRMATIONS {
            assert_eq!(filter.accept(&energy(seen, 0), now), Verdict::Held { seen });
        }
        assert_eq!(filter.accept(&energy(0, 0), now), Verdict::Held { seen: 1 });
        for seen in 2..DROP_CONFIRMATIONS {
            assert_eq!(filter.accept(&energy(7, 0), now), Verdict::Held { seen });
        }
        // It stays one: the new meter's energy is not the old one's.
        for wh in 8..20 {
            assert_eq!(filter.accept(&energy(wh, 0), now), Verdict::Reset);
        }
        assert_eq!(filter.good().unwrap().import_wh, WattHours(1000));
        // A meter that takes minutes to find its counters again was not reset after all.
        assert_eq!(filter.accept(&energy(1003, 0), now), Verdict::Good);
        assert_eq!(filter.accept(&energy(0, 0), now), Verdict::Held { seen: 1 });
    }

    #[test]
    fn a_roll_over_is_good_and_a_drop_is_not_one() {
        const TOP: u32 = u32::MAX;
        let table = [
            // exponent, old, new, seconds between, whether it is a roll-over
            (0, TOP - 9, 10, 5, true), // 20 Wh in 5 s: within the power and two counts
            (0, TOP - 9, 200, 5, false), // 210 Wh in 5 s is more than 100 kW
            (0, TOP - 9, 200, 3600, true), // in an hour it is not
            (0, 2_000_000, 0, 3600, false), // a zero
            (0, TOP / 2, 3, 3600 * 9000, false), // far from its end, however long nobody looked
            (0, TOP - 9, TOP - 10, 5, false), // a step back
            (3, TOP, 0, 5, true),      // one count of 1 kWh
            (3, TOP - 5, 5, 5, false), // 11 kWh in 5 s
            (-2, TOP - 99, 100, 5, true), // 2 Wh
        ];
        for (exponent, old, new, seconds, want) in table {
            let encoding = RegisterEncoding::Acc32 { exponent };
            let value = |count| Energy::decode(encoding, words(count), words(7)).unwrap();
            let (mut filter, start) = (Filter::new(encoding, 100_000), Instant::now());
            filter.accept(&value(old), start);
            let verdict = filter.accept(&value(new), start + Duration::from_secs(seconds));
            assert_eq!(verdict == Verdict::Good, want, "{exponent} {old} {new} {seconds}: {verdict:?}");
        }
        let float = |x: f32| Words::new(vec![(x.to_bits() >> 16) as u16, x.to_bits() as u16]).unwrap();
        let value = |x| Energy::decode(RegisterEncoding::Float32Kwh, float(x), float(0.0)).unwrap();
        let (mut filter, now) = (Filter::new(RegisterEncoding::Float32Kwh, 100_000), Instant::now());
        filter.accept(&value(99_999.0), now);
        assert_eq!(filter.accept(&value(0.0), now), Verdict::Held { seen: 1 });
    }
}
