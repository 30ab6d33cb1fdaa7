//! The state of a simulated SDM630: counters that only rise, and the registers made from them.

use super::curve::{Flow, Household};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counters advance in steps of this length, so that they depend on (seed, start, time) alone.
const STEP_MS: u64 = 1000;
/// Counter pairs remembered as served.
pub(super) const SERVED_MAX: usize = 4096;
/// Register of the import counter.
pub const IMPORT: u16 = 0x48;
/// Register of the export counter.
pub const EXPORT: u16 = 0x4A;

/// Both counters as they were sent to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// The simulation's time, ms UTC.
    pub time_ms: u64,
    /// Words of the import counter.
    pub import: [u16; 2],
    /// Words of the export counter.
    pub export: [u16; 2],
}

/// The households and losses behind a meter.
#[derive(Clone, Debug)]
pub struct Site {
    /// The households: one, or for a feeder all that it feeds.
    pub houses: Vec<Household>,
    /// Energy lost on the way to them, in thousandths of the energy that they draw.
    pub loss_permille: u32,
    /// Thousandths of the usual light that the sky lets through; shared by a village.
    pub sky: Arc<AtomicU32>,
}

impl Site {
    /// One household under a sky of its own.
    #[must_use]
    pub fn of(house: Household) -> Self {
        Self { houses: vec![house], loss_permille: 0, sky: Arc::new(AtomicU32::new(1000)) }
    }

    /// Power at `time_ms`.
    #[must_use]
    pub fn flow(&self, time_ms: u64) -> Flow {
        let sky = f64::from(self.sky.load(Ordering::Relaxed)) / 1000.0;
        let mut sum = Flow { load: 0.0, yields: 0.0 };
        for flow in self.houses.iter().map(|house| house.flow_under(time_ms, sky)) {
            sum.load += flow.load;
            sum.yields += flow.yields;
        }
        sum.load *= 1.0 + f64::from(self.loss_permille) / 1000.0;
        sum
    }
}

/// A simulated meter.
#[derive(Debug)]
pub(crate) struct Meter {
    site: Site,
    /// Decides on voltage and how phases are loaded.
    house: Household,
    /// Time up to which the counters have run.
    at_ms: u64,
    import_kwh: f64,
    export_kwh: f64,
    pub(crate) overrides: BTreeMap<u16, [u16; 2]>,
    pub(crate) served: VecDeque<Served>,
}

impl Meter {
    pub(crate) fn new(site: Site, start_ms: u64) -> Self {
        let house = site.houses.first().cloned().unwrap_or_else(|| Household::new(0));
        let (import_kwh, export_kwh) = house.start_kwh;
        let at_ms = start_ms - start_ms % STEP_MS;
        Self {
            site,
            house,
            at_ms,
            import_kwh,
            export_kwh,
            overrides: BTreeMap::new(),
            served: VecDeque::new(),
        }
    }

    /// Runs the counters up to `now_ms`. A clock that goes back leaves them where they are.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        while self.at_ms.saturating_add(STEP_MS) <= now_ms {
            let kwh = self.site.flow(self.at_ms).net() * STEP_MS as f64 / 3.6e9;
            if kwh >= 0.0 {
                self.import_kwh += kwh;
            } else {
                self.export_kwh -= kwh;
            }
            self.at_ms = self.at_ms.saturating_add(STEP_MS);
        }
    }

    /// Every register of the map by its address, two words each.
    pub(crate) fn registers(&self) -> BTreeMap<u16, [u16; 2]> {
        let flow = self.site.flow(self.at_ms);
        let mut values = BTreeMap::new();
        for (phase, share) in (0u8..3).zip(self.house.shares()) {
            let watts = flow.load * share - flow.yields / 3.0;
            let volts = self.house.volts(phase, self.at_ms, watts);
            let at = u16::from(phase) * 2;
            values.insert(at, volts);
            values.insert(0x06 + at, watts.abs() / volts);
            values.insert(0x0C + at, watts);
        }
        values.insert(0x34, flow.net());
        values.insert(0x46, Household::hertz(self.at_ms));
        values.insert(IMPORT, self.import_kwh);
        values.insert(EXPORT, self.export_kwh);
        values.insert(0x156, self.import_kwh + self.export_kwh);
        let mut registers: BTreeMap<u16, [u16; 2]> =
            values.into_iter().map(|(at, v)| (at, words(v))).collect();
        registers.extend(&self.overrides);
        registers
    }

    /// Notes that both counters were sent.
    pub(crate) fn note_served(&mut self, time_ms: u64, registers: &BTreeMap<u16, [u16; 2]>) {
        let (Some(import), Some(export)) = (registers.get(&IMPORT), registers.get(&EXPORT)) else { return };
        if self.served.len() >= SERVED_MAX {
            self.served.pop_front();
        }
        self.served.push_back(Served { time_ms, import: *import, export: *export });
    }
}

/// A number as the meter encodes it: binary32, most significant word first.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the meter's registers are binary32; words are cut on purpose"
)]
pub(super) fn words(value: f64) -> [u16; 2] {
    let bits = (value as f32).to_bits();
    [(bits >> 16) as u16, bits as u16]
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;
