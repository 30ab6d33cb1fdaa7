//! Decides whether counter values may be believed.
//!
//! Meters sometimes answer with a NaN, a transient zero, or a number that is none of theirs. Booking the recovery after
//! such a zero as consumption would charge a lifetime's energy at once, and a number from nowhere would make every true
//! one after it look like a fall. So a value that does not follow from the last good one is held back until it has been
//! seen several times in a row. A confirmed fall is a reset or a swapped meter: the operator is told, and nothing more
//! is signed until the meter is registered anew, under a key of its own, or counts on from the last good value after
//! all.
//!
//! | counter | verdict |
//! |---|---|
//! | as the last good one, or higher by no more than the meter's power allows for the time | good |
//! | higher by more, or higher while nobody knows since when | held, until seen in a row; then good |
//! | lower, rolls over, was near its end, and came no further than the meter's power allows | good |
//! | lower | held, until seen [`CONFIRMATIONS`] times in a row |
//! | lower, confirmed, but it follows from the value before a leap that was believed | good: the leap was none |
//! | lower, confirmed | reset, from then on |
//! | both zero, and nothing is known yet | held, until seen as often |
//! | the first one of a meter that signs | held, until a second one follows from it |

use super::profile::Profile;
use std::time::{Duration, Instant};
use wattle_primitives::reading::{FlowLimit, RegisterEncoding, Words, WordsError};
use wattle_primitives::{TimeMs, WattHours};

/// How often in a row a fall or a leap must be seen before it is believed.
pub const CONFIRMATIONS: u32 = 5;
/// How often a value must be seen that contradicts nothing, but that nothing speaks for either.
const SIGHTINGS: u32 = 2;
/// A counter of 32 bits that rolls over advances by less than this between two good values, and so was near its end.
const ROLL_OVER_COUNTS_MAX: u32 = u32::MAX / 8;
/// Meters renew their registers at their own pace: so much time more than has passed may show in a rise.
const REFRESH: Duration = Duration::from_secs(60);

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

/// The filter's judgement of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the meter's new state.
    Good,
    /// It does not follow from the last good value and is not yet confirmed: the last good value stands.
    Held {
        /// How often it has been seen in a row.
        seen: u32,
    },
    /// It is lower than before and was confirmed, or comes from another meter: the meter was reset or swapped. The
    /// last good value is the old meter's final one.
    Reset,
}

/// Reasons why a value does not follow from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspicion {
    /// It is lower.
    Fell,
    /// It is higher than the meter's power allows.
    Leapt,
    /// There is nothing to compare it with, or nobody knows how old that is.
    Unknown,
}

/// Remembers the last good value of one meter.
#[derive(Debug)]
pub(crate) struct Filter {
    encoding: RegisterEncoding,
    watts_max: u32,
    /// Whether a first value is believed on its own.
    trusting: bool,
    good: Option<Seen>,
    /// The good value before a leap that was believed, or the one that the chain is proven to have.
    before: Option<Seen>,
    doubted: Option<Seen>,
    suspicion: Option<Suspicion>,
    seen: u32,
}

/// A value, and when it was read.
#[derive(Clone, Debug)]
struct Seen {
    energy: Energy,
    /// An instant, and how old the value was then. `None` while that is not known.
    at: Option<(Instant, Duration)>,
}

impl Seen {
    /// How long ago it was read, by this process's clock: a devnet's may run fast.
    fn age(&self, now: Instant) -> Option<Duration> {
        let (at, age) = self.at?;
        let since_ms = u64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(u64::MAX);
        Some(age.saturating_add(Duration::from_millis(wattle_host::wall::stretched(since_ms))))
    }
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

    /// The counters that stand at these counts, in the register's own unit and counted on beyond each roll-over. The
    /// words are those that the register shows, where whole numbers tell.
    ///
    /// # Errors
    /// [`WordsError`] when either is no amount of energy.
    pub fn of_counts(encoding: RegisterEncoding, import: u64, export: u64) -> Result<Self, WordsError> {
        let shown = |count: u64| encoding.modulus().map_or(count, |modulus| count % modulus);
        let words = |count: u64| {
            let all = [48, 32, 16, 0].map(|shift| (count >> shift) as u16);
            let (_, low) = all.split_at(all.len().saturating_sub(encoding.words()));
            Words::new(low.to_vec()).unwrap_or_default() // no encoding has more words than a register may have
        };
        let (import, export) = (shown(import), shown(export));
        Ok(Self {
            import: words(import),
            export: words(export),
            import_wh: encoding.energy_of(import)?,
            export_wh: encoding.energy_of(export)?,
        })
    }

    fn is_zero(&self) -> bool {
        self.import_wh == WattHours::ZERO && self.export_wh == WattHours::ZERO
    }

    fn is_below(&self, other: &Self) -> bool {
        self.import_wh < other.import_wh || self.export_wh < other.export_wh
    }
}

impl Filter {
    /// A filter for counters of this encoding in a meter built for at most `watts_max`. It believes a first value.
    #[must_use]
    pub(crate) const fn new(encoding: RegisterEncoding, watts_max: u32) -> Self {
        let (good, before, doubted, suspicion) = (None, None, None, None);
        Self { encoding, watts_max, trusting: true, good, before, doubted, suspicion, seen: 0 }
    }

    /// The filter for meters of this kind; `None` for those without counters.
    #[must_use]
    pub(crate) fn of(profile: &Profile) -> Option<Self> {
        profile.energy.as_ref().map(|energy| Self::new(energy.encoding, profile.watts_max))
    }

    /// A first value waits for a second one that follows from it: what is signed cannot be taken back.
    pub(crate) const fn be_wary(&mut self) {
        self.trusting = false;
    }

    /// No more than `watts` can flow through this meter.
    pub(crate) const fn limit_power(&mut self, watts: u32) {
        if watts > 0 && watts < self.watts_max {
            self.watts_max = watts;
        }
    }

    /// Takes a value in that was read at `now`.
    pub(crate) fn accept(&mut self, value: &Energy, now: Instant) -> Verdict {
        let Some(suspicion) = self.suspicion_of(value, now) else {
            self.settle(value, now);
            return Verdict::Good;
        };
        // A doubted value must itself be steady: one that does not follow from it starts the count anew.
        let same = self.suspicion == Some(suspicion);
        let steady = same && self.doubted.as_ref().is_some_and(|d| self.step(d, value, now).is_none());
        self.seen = if steady { self.seen.saturating_add(1) } else { 1 };
        (self.doubted, self.suspicion) = (Some(seen(value, now)), Some(suspicion));
        if self.seen < self.sightings(suspicion, value) {
            return Verdict::Held { seen: self.seen };
        }
        match suspicion {
            Suspicion::Unknown => self.settle(value, now),
            Suspicion::Leapt => {
                let before = self.good.take();
                self.settle(value, now);
                self.before = before;
            }
            Suspicion::Fell if self.before.as_ref().is_some_and(|b| self.step(b, value, now).is_none()) => {
                self.settle(value, now);
                self.before = None;
            }
            Suspicion::Fell => return Verdict::Reset,
        }
        Verdict::Good
    }

    /// Takes over the last good value from before the start, of which nobody knows yet how old it is.
    pub(crate) fn remember(&mut self, good: Energy) {
        self.good = Some(Seen { energy: good, at: None });
        (self.doubted, self.suspicion, self.seen) = (None, None, 0);
    }

    /// The value from before the start is so old at `now`. Without effect once a newer one is good.
    pub(crate) fn date(&mut self, now: Instant, age: Duration) {
        if let Some(good) = self.good.as_mut().filter(|good| good.at.is_none()) {
            good.at = Some((now, age));
        }
    }

    /// The chain is proven to have this value of the meter, read `age` before `now`. It is the last good one where none
    /// is known. `refused` says that the chain has refused what the meter showed since: then the last good one is in
    /// doubt, and values that follow from the chain's are believed once they are steady.
    pub(crate) fn learn(&mut self, proven: Energy, now: Instant, age: Duration, refused: bool) {
        let proven = Seen { energy: proven, at: Some((now, age)) };
        match &self.good {
            None => self.good = Some(proven),
            Some(good) if refused && proven.energy.is_below(&good.energy) => self.before = Some(proven),
            Some(_) => {}
        }
    }

    /// The last good value.
    #[must_use]
    pub(crate) fn good(&self) -> Option<&Energy> {
        self.good.as_ref().map(|good| &good.energy)
    }

    /// Suspicion against the last value; `None` when it was good at once.
    #[must_use]
    pub(crate) const fn suspicion(&self) -> Option<Suspicion> {
        self.suspicion
    }

    fn suspicion_of(&self, value: &Energy, now: Instant) -> Option<Suspicion> {
        match &self.good {
            Some(good) => self.step(good, value, now),
            // Nothing to compare with: a zero may be a transient one, and must be as steady as a fall.
            None => (value.is_zero() || !self.trusting).then_some(Suspicion::Unknown),
        }
    }

    fn sightings(&self, suspicion: Suspicion, value: &Energy) -> u32 {
        match suspicion {
            Suspicion::Unknown if self.good.is_some() || !value.is_zero() => SIGHTINGS,
            Suspicion::Unknown | Suspicion::Fell | Suspicion::Leapt => CONFIRMATIONS,
        }
    }

    /// The suspicion against `value` coming after `old`.
    fn step(&self, old: &Seen, value: &Energy, now: Instant) -> Option<Suspicion> {
        let since = old.age(now);
        let import =
            self.counter(&old.energy.import, old.energy.import_wh, &value.import, value.import_wh, since);
        let export =
            self.counter(&old.energy.export, old.energy.export_wh, &value.export, value.export_wh, since);
        let both = [import, export];
        // A fall says the most, and so comes first.
        let order = [Suspicion::Fell, Suspicion::Leapt, Suspicion::Unknown];
        order.into_iter().find(|suspicion| both.contains(&Some(*suspicion)))
    }

    fn counter(
        &self,
        old: &Words,
        old_wh: WattHours,
        new: &Words,
        new_wh: WattHours,
        since: Option<Duration>,
    ) -> Option<Suspicion> {
        if new_wh == old_wh || self.rolled(old, new, new_wh, since) {
            return None;
        }
        let Some(rise) = new_wh.0.checked_sub(old_wh.0) else { return Some(Suspicion::Fell) };
        let time = since.unwrap_or_default().saturating_add(REFRESH);
        let suspicion = if since.is_some() { Suspicion::Leapt } else { Suspicion::Unknown };
        (!self.can_flow(WattHours(rise), new_wh, time)).then_some(suspicion)
    }

    /// Whether a counter that fell has passed its end: then the way round is short enough for the meter's power. While
    /// nobody knows how much time that took, it is not taken for one.
    fn rolled(&self, old: &Words, new: &Words, new_wh: WattHours, since: Option<Duration>) -> bool {
        let (Some(old), Some(new), Some(since)) = (count(old), count(new), since) else { return false };
        let advance = new.wrapping_sub(old);
        if self.encoding.modulus().is_none() || new >= old || advance > ROLL_OVER_COUNTS_MAX {
            return false;
        }
        let advance = self.encoding.energy_of(u64::from(advance));
        advance.is_ok_and(|advance| self.can_flow(advance, new_wh, since))
    }

    /// Whether so much energy can flow in a time, by the chain's own rule. `stand` is the counter that shows it.
    fn can_flow(&self, energy: WattHours, stand: WattHours, time: Duration) -> bool {
        let limit = FlowLimit { encoding: self.encoding, power_max_w: self.watts_max };
        let time = TimeMs(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        limit.until(TimeMs::ZERO, energy, stand, time).is_some()
    }

    fn settle(&mut self, value: &Energy, now: Instant) {
        self.good = Some(seen(value, now));
        (self.doubted, self.suspicion, self.seen) = (None, None, 0);
    }
}

fn seen(value: &Energy, now: Instant) -> Seen {
    Seen { energy: value.clone(), at: Some((now, Duration::ZERO)) }
}

/// A counter of two words as a number.
fn count(words: &Words) -> Option<u32> {
    match words[..] {
        [high, low] => Some(u32::from(high) << 16 | u32::from(low)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
