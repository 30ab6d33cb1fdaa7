//! Consumption from the meter's counter, in whole steps of 0.1 kWh.
//!
//! Counted is the counter itself, never the time between two looks at it: a reading that is missed is drawn with the
//! next one, and a crash draws nothing twice. A counter that stands lower than it did, after a leap that was none, is
//! waited for. Another meter begins where it stands.

use serde::{Deserialize, Serialize};
use wattle_primitives::{Address, WattHours, planted};

/// Credit is drawn in steps of so much, Wh.
pub(crate) const STEP_WH: u64 = 100;
/// A counter that falls by so much has rolled over: no meter is ahead of itself by it.
const ROLL_OVER_WH: u64 = 1 << 31;

/// How far a meter's import is drawn from credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Counter {
    meter: Address,
    drawn: WattHours,
}

impl Counter {
    /// Begins where the meter stands.
    pub(crate) const fn new(meter: Address, shown: WattHours) -> Self {
        Self { meter, drawn: shown }
    }

    /// Takes in what the meter's import counter shows. Returns the Wh that are to be drawn for it.
    pub(crate) fn advance(&mut self, meter: Address, shown: WattHours) -> u64 {
        let rolled_over = self.drawn.saturating_sub(shown).0 >= ROLL_OVER_WH;
        let exchanged = meter != self.meter && !planted!("light-exchange-draws-credit");
        if exchanged || rolled_over {
            *self = Self::new(meter, shown);
            return 0;
        }
        let since = shown.saturating_sub(self.drawn).0;
        let steps = since.saturating_sub(since % STEP_WH);
        self.drawn = self.drawn.saturating_add(WattHours(steps));
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenth_of_a_kilowatt_hour_is_drawn_once_whatever_is_missed() {
        let (old, new) = (Address([1; 32]), Address([2; 32]));
        let mut counter = Counter::new(old, WattHours(1_050));
        let rows = [
            (old, 1_050, 0),
            (old, 1_149, 0),
            (old, 1_150, 100),
            (old, 1_150, 0),
            (old, 3_449, 2_200), // a day without readings
            (old, 3_450, 100),
            (old, 3_000, 0), // the leap was none: waited for
            (old, 3_450, 0),
            (old, 3_550, 100),
            (new, 90_000, 0), // an exchange gives and takes nothing
            (new, 90_250, 200),
            (new, 90_300, 100), // the rest is not forgotten
            (old, 3_560, 0),
            (old, 5_000_000_000, 4_999_996_400),
            (old, 40, 0), // 32 bits, rolled over
            (old, 140, 100),
        ];
        for (row, (meter, shown, drawn)) in rows.into_iter().enumerate() {
            assert_eq!(counter.advance(meter, WattHours(shown)), drawn, "row {row}");
        }
    }

    /// Goal: however the counter's way is cut into looks and crashes, what is drawn in all is the same.
    #[test]
    fn it_does_not_matter_when_one_looks() {
        let meter = Address([1; 32]);
        for pace in [1, 7, 99, 100, 101, 1_000, 54_321] {
            let (mut counter, mut shown, mut drawn) = (Counter::new(meter, WattHours(13)), 13, 0);
            let mut kept = (counter, drawn);
            while shown < 200_013 {
                shown = (shown + pace).min(200_013);
                drawn += counter.advance(meter, WattHours(shown));
                match shown % 5 {
                    0 => kept = (counter, drawn),
                    1 => (counter, drawn) = kept, // a power cut
                    _ => {}
                }
            }
            drawn += counter.advance(meter, WattHours(shown));
            assert_eq!(drawn, 200_000, "every {pace} Wh");
        }
    }
}
