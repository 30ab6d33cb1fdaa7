//! Decides whether counter values may be believed.
//!
//! Meters sometimes answer with a NaN or a transient zero. Booking the recovery after such a zero as consumption
//! would charge a lifetime's energy at once, so a lower value is held back until it has been seen several times in
//! a row. A confirmed drop is a reset or a swapped meter: the chain will not accept it as an ordinary reading, and
//! the operator is told.

use wattle_primitives::WattHours;
use wattle_primitives::reading::{RegisterEncoding, Words, WordsError};

/// How often in a row a drop must be seen before it is believed.
pub const DROP_CONFIRMATIONS: u32 = 5;

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
    /// It is lower than before and was confirmed: the meter was reset or swapped.
    Reset,
}

/// Remembers the last good value of one meter.
#[derive(Debug, Default)]
pub struct Filter {
    good: Option<Energy>,
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

    fn is_below(&self, other: &Self) -> bool {
        self.import_wh < other.import_wh || self.export_wh < other.export_wh
    }
}

impl Filter {
    /// Takes a value in.
    pub fn accept(&mut self, value: &Energy) -> Verdict {
        let below = self.good.as_ref().is_some_and(|good| value.is_below(good));
        if !below {
            self.settle(value);
            return Verdict::Good;
        }
        // The drop itself must be steady: a value below the one that was to be confirmed starts the count anew.
        let steady = self.dropped.as_ref().is_some_and(|dropped| !value.is_below(dropped));
        self.seen = if steady { self.seen.saturating_add(1) } else { 1 };
        if self.seen >= DROP_CONFIRMATIONS {
            self.settle(value);
            return Verdict::Reset;
        }
        self.dropped = Some(value.clone());
        Verdict::Held { seen: self.seen }
    }

    /// The last good value.
    #[must_use]
    pub const fn good(&self) -> Option<&Energy> {
        self.good.as_ref()
    }

    fn settle(&mut self, value: &Energy) {
        self.good = Some(value.clone());
        self.dropped = None;
        self.seen = 0;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn energy(import: u32, export: u32) -> Energy {
        let words = |v: u32| Words::new(vec![(v >> 16) as u16, v as u16]).unwrap();
        Energy::decode(RegisterEncoding::Uint32Wh, words(import), words(export)).unwrap()
    }

    #[test]
    fn a_transient_zero_is_never_believed() {
        let mut filter = Filter::default();
        let steps = [
            (energy(1000, 5), Verdict::Good),
            (energy(0, 0), Verdict::Held { seen: 1 }),
            (energy(0, 0), Verdict::Held { seen: 2 }),
            (energy(1001, 5), Verdict::Good),
            (energy(1001, 4), Verdict::Held { seen: 1 }),
            (energy(1001, 5), Verdict::Good),
        ];
        for (value, want) in steps {
            assert_eq!(filter.accept(&value), want, "{value:?}");
        }
        assert_eq!(filter.good().unwrap().import_wh, WattHours(1001));
    }

    #[test]
    fn a_steady_drop_is_a_reset_and_an_unsteady_one_is_not() {
        let mut filter = Filter::default();
        filter.accept(&energy(1000, 0));
        for seen in 1..DROP_CONFIRMATIONS {
            assert_eq!(filter.accept(&energy(seen, 0)), Verdict::Held { seen });
        }
        assert_eq!(filter.accept(&energy(0, 0)), Verdict::Held { seen: 1 });
        for seen in 2..DROP_CONFIRMATIONS {
            assert_eq!(filter.accept(&energy(7, 0)), Verdict::Held { seen });
        }
        assert_eq!(filter.accept(&energy(8, 0)), Verdict::Reset);
        assert_eq!(filter.accept(&energy(9, 0)), Verdict::Good);
    }
}
