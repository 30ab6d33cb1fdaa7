//! The power that a simulated household draws and its panels give, as a function of (seed, time).
//!
//! Floating point is fine here: this stands for the physical world, and consensus only ever sees register words.

use crate::clock::DAY_MS;
use std::f64::consts::{PI, TAU};

const HOUR_MS: f64 = 3_600_000.0;
/// Load noise changes once a minute.
const NOISE_MS: u64 = 60_000;
/// Clouds move every five minutes.
const CLOUD_MS: u64 = 300_000;

/// Power that a car takes while it is charged, W: one phase of 16 A.
const CAR_WATTS: f64 = 3_680.0;
/// Most that a battery takes, W.
const BATTERY_CHARGE_WATTS: f64 = 1_500.0;
/// Most that a battery gives, W: over an evening no more than it took.
const BATTERY_DISCHARGE_WATTS: f64 = 900.0;

/// A household: everything that its seed decides.
#[derive(Clone, Debug)]
pub struct Household {
    seed: u64,
    base_watts: f64,
    fridge_watts: f64,
    fridge_period_ms: f64,
    morning_watts: f64,
    evening_watts: f64,
    panel_watts: f64,
    kind: Kind,
    shares: [f64; 3],
    /// Counters at the start, in kWh.
    pub(crate) start_kwh: (f64, f64),
}

/// Equipment of a household besides its lights, fridge and stove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No other equipment.
    Load,
    /// Solar panels.
    Solar,
    /// Panels, and a battery that takes their surplus in the day and gives it back in the evening.
    Storage,
    /// A car that is charged at night.
    Car,
}

/// Power at an instant, in W. Load and yield are at least zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Power that the household draws.
    pub load: f64,
    /// Power that its panels give.
    pub yields: f64,
}

impl Household {
    /// The household of `seed`. Two in three have panels.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let kind = if unit(seed, 6, 0) < 2.0 / 3.0 { Kind::Solar } else { Kind::Load };
        Self::with(seed, kind)
    }

    /// The household of `seed` with just these things.
    #[must_use]
    pub fn with(seed: u64, kind: Kind) -> Self {
        let pick = |what: u64, low: f64, high: f64| low + (high - low) * unit(seed, what, 0);
        let has_panels = matches!(kind, Kind::Solar | Kind::Storage);
        let (first, second) = (pick(8, 0.2, 0.5), pick(9, 0.2, 0.5));
        Self {
            seed,
            base_watts: pick(1, 60.0, 160.0),
            fridge_watts: pick(2, 70.0, 130.0),
            fridge_period_ms: pick(3, 30.0, 50.0) * 60_000.0,
            morning_watts: pick(4, 300.0, 900.0),
            evening_watts: pick(5, 600.0, 1800.0),
            panel_watts: if has_panels { pick(7, 1500.0, 5000.0) } else { 0.0 },
            kind,
            shares: [first, second, 1.0 - first - second],
            start_kwh: (pick(10, 200.0, 2000.0), pick(11, 0.0, 800.0)),
        }
    }

    /// Power at `time_ms`, taken as local solar time, under a clear or clouded sky as it comes.
    #[must_use]
    pub fn flow(&self, time_ms: u64) -> Flow {
        self.flow_under(time_ms, 1.0)
    }

    /// Power when the sky lets `sky` of the usual light through, 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a day are far below 2^53")]
    pub fn flow_under(&self, time_ms: u64, sky: f64) -> Flow {
        let hour = (time_ms % DAY_MS) as f64 / HOUR_MS;
        let bell = |middle: f64, width: f64| (-((hour - middle) / width).powi(2)).exp();
        let phase = unit(self.seed, 12, 0) * self.fridge_period_ms;
        let cycle = ((time_ms % DAY_MS) as f64 + phase) % self.fridge_period_ms / self.fridge_period_ms;
        let fridge = if cycle < 0.35 { self.fridge_watts } else { 0.0 };
        let noise = 0.8 + 0.4 * unit(self.seed, 13, time_ms / NOISE_MS);
        let habits = self.morning_watts * bell(7.3, 1.1) + self.evening_watts * bell(19.6, 1.9);
        let sun = if (6.0..18.0).contains(&hour) { ((hour - 6.0) / 12.0 * PI).sin().powf(1.3) } else { 0.0 };
        // One sky for the whole village, so the seed stays out of it.
        let cloud = 0.35 + 0.65 * unit(0, 14, time_ms / CLOUD_MS);
        let load = (self.base_watts + habits) * noise + fridge + self.car(hour);
        self.with_battery(hour, Flow { load, yields: self.panel_watts * sun * cloud * sky })
    }

    /// Power that the car takes, W: from ten in the evening to two in the morning.
    fn car(&self, hour: f64) -> f64 {
        if self.kind == Kind::Car && !(2.0..22.0).contains(&hour) { CAR_WATTS } else { 0.0 }
    }

    /// The battery takes surplus around noon as a load, and gives in the evening as a yield.
    fn with_battery(&self, hour: f64, flow: Flow) -> Flow {
        if self.kind != Kind::Storage {
            return flow;
        }
        let surplus = flow.yields - flow.load;
        if (9.0..15.0).contains(&hour) && surplus > 0.0 {
            Flow { load: flow.load + surplus.min(BATTERY_CHARGE_WATTS), ..flow }
        } else if (18.0..23.0).contains(&hour) {
            Flow { yields: flow.yields + (-surplus).clamp(0.0, BATTERY_DISCHARGE_WATTS), ..flow }
        } else {
            flow
        }
    }

    /// Volts of a phase at `time_ms`; sags a little under load.
    #[must_use]
    pub fn volts(&self, phase: u8, time_ms: u64, watts: f64) -> f64 {
        230.0 + 2.5 * (unit(self.seed, 20 + u64::from(phase), time_ms / NOISE_MS) - 0.5) - watts * 0.0008
    }

    /// Mains frequency at `time_ms`: the same everywhere.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of an hour")]
    pub fn hertz(time_ms: u64) -> f64 {
        50.0 + 0.03 * ((time_ms % 3_600_000) as f64 / 97_000.0 * TAU).sin()
    }

    /// How the load is spread over the phases; sums to 1.
    #[must_use]
    pub const fn shares(&self) -> [f64; 3] {
        self.shares
    }
}

impl Flow {
    /// Power from the grid; negative when more is given than drawn.
    #[must_use]
    pub fn net(&self) -> f64 {
        self.load - self.yields
    }
}

/// A number in 0..1 that depends on nothing but its arguments (splitmix64).
#[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
fn unit(seed: u64, what: u64, when: u64) -> f64 {
    let mut x = seed ^ what.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ when.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for _ in 0..2 {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
    }
    (x >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
#[path = "curve_tests.rs"]
mod tests;
