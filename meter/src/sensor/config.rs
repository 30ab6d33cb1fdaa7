//! Buses and meters as they stand in a light node's configuration: `[[bus]]`, and below it `[[bus.meter]]`.

use super::bus::{Bus, SharedBus};
use super::link::{Link, Timing};
use super::profile::{Profile, ProfileError};
use super::rtu::UNIT_MAX;
use super::sensor::Sensor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use wattle_primitives::reading::RegisterEncoding;

/// Most buses of a light node.
pub(super) const BUSES_MAX: usize = 16;
/// Most meters on a bus: what a serial line carries without a repeater.
pub(super) const METERS_PER_BUS_MAX: usize = 32;
/// Longest name of a meter, in bytes.
pub(super) const METER_NAME_BYTES_MAX: usize = 32;

/// Least energy that may make a reading, in Wh: a card wears out by each of them.
const STEP_WH_MIN: u64 = 10;
/// Most energy that may make a reading, in Wh.
const STEP_WH_MAX: u64 = 1_000_000;

/// A line with one or more meters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusConfig {
    /// How it is reached.
    pub link: Link,
    /// How patient its reader is; sane without it.
    #[serde(default, skip_serializing_if = "Timing::is_default")]
    pub timing: Timing,
    /// The meters, read one after the other; none where there is only a relay board.
    #[serde(rename = "meter", default)]
    pub meters: Vec<MeterConfig>,
}

/// One meter on a bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterConfig {
    /// Its name here: letters, digits, `-` and `_`; the same for no other meter of this light node.
    pub name: String,
    /// Its id on the bus, 1 to 247; 255 and 0 are used by some Modbus TCP meters.
    #[serde(default = "default_unit")]
    pub unit: u8,
    /// How it is read: `profile` and `reading_step_wh` of the meter's own table.
    #[serde(flatten)]
    pub profile: ReadAs,
    /// The encoding it is registered with on the chain, where that is not the profile's: SunSpec meters count in
    /// different powers of ten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<RegisterEncoding>,
    /// Its serial number: another meter in its place is not signed for. Without it the first number seen after a start
    /// is the one; a profile may know no place for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// File with its key: 64 hex digits, mode 600. Without one nothing is signed: it feeds the status page only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

/// How a meter is read, and when it is signed for besides the ends of intervals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadAs {
    /// A built-in profile, or the path of a profile file.
    #[serde(default = "default_profile")]
    pub profile: String,
    /// A reading is also signed whenever so much more was imported, in Wh: 100 where deals are charged by what this
    /// meter has shown, 0 where they are not.
    #[serde(default)]
    pub reading_step_wh: u64,
}

impl From<&str> for ReadAs {
    fn from(profile: &str) -> Self {
        Self { profile: profile.to_owned(), reading_step_wh: 0 }
    }
}

/// Reasons why buses and meters cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// A value that makes no sense.
    #[error("bus {bus}: {what} is out of range")]
    Range { bus: String, what: String },
    /// Two of something that must be one.
    #[error("{what} is given twice")]
    Twice { what: String },
    /// The profile cannot be used.
    #[error("meter {meter}")]
    Profile {
        meter: String,
        #[source]
        source: ProfileError,
    },
    /// A key for a meter that has no counters.
    #[error("meter {meter} has a key, but profile {profile} has no energy registers to sign")]
    NothingToSign { meter: String, profile: String },
}

impl BusConfig {
    /// Checks all buses of a light node, and that its meters differ.
    ///
    /// # Errors
    /// [`BusError`]. Profiles are not read here; see [`MeterConfig::profile`].
    pub fn check_all(buses: &[Self]) -> Result<(), BusError> {
        if buses.len() > BUSES_MAX {
            return Err(range("all", "number of buses"));
        }
        let (mut places, mut names, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for bus in buses {
            bus.check()?;
            let place = bus.link.place();
            once(places.insert(place.clone()), || format!("bus {place}"))?;
            for meter in &bus.meters {
                once(names.insert(&meter.name), || format!("meter name {}", meter.name))?;
                let Some(key) = &meter.key_file else { continue };
                once(keys.insert(key), || format!("key file {}", key.display()))?;
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), BusError> {
        let place = self.link.place();
        if let Some(what) = self.link.out_of_range().or_else(|| self.timing.out_of_range()) {
            return Err(range(&place, what));
        }
        if self.meters.len() > METERS_PER_BUS_MAX {
            return Err(range(&place, "number of meters"));
        }
        let mut units = BTreeSet::new();
        for meter in &self.meters {
            // 0 and 255 go to the Modbus TCP server itself; on a serial line 0 is everybody.
            let sound = (1..=UNIT_MAX).contains(&meter.unit) || !self.link.is_rtu();
            if !sound {
                return Err(range(&place, "unit"));
            }
            if !meter.has_sound_name() {
                return Err(range(&place, "meter name"));
            }
            let step_wh = meter.profile.reading_step_wh;
            if step_wh != 0 && !(STEP_WH_MIN..=STEP_WH_MAX).contains(&step_wh) {
                return Err(range(&place, "reading_step_wh"));
            }
            once(units.insert(meter.unit), || format!("unit {} on {place}", meter.unit))?;
        }
        Ok(())
    }

    /// The bus; it connects when it is first read.
    #[must_use]
    pub fn open(&self) -> SharedBus {
        Bus::shared(self.link.clone(), self.timing)
    }
}

impl MeterConfig {
    /// The meter's profile, with the encoding it is registered with.
    ///
    /// # Errors
    /// [`BusError::Profile`], and [`BusError::NothingToSign`] for a key without counters.
    pub fn profile(&self) -> Result<Profile, BusError> {
        let found = Profile::find(&self.profile.profile).and_then(|profile| match self.encoding {
            Some(encoding) => profile.with_encoding(encoding),
            None => Ok(profile),
        });
        let profile = found.map_err(|source| BusError::Profile { meter: self.name.clone(), source })?;
        if self.key_file.is_some() && profile.energy.is_none() {
            let (meter, profile) = (self.name.clone(), self.profile.profile.clone());
            return Err(BusError::NothingToSign { meter, profile });
        }
        Ok(profile)
    }

    /// The sensor that reads it on `bus`.
    ///
    /// # Errors
    /// As [`Self::profile`].
    pub fn sensor(&self, bus: SharedBus) -> Result<Sensor, BusError> {
        let sensor = Sensor::new(bus, self.unit, self.profile()?);
        Ok(sensor.with_serial_number(self.serial_number.clone()))
    }

    fn has_sound_name(&self) -> bool {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=METER_NAME_BYTES_MAX).contains(&self.name.len()) && self.name.bytes().all(sound)
    }
}

fn range(bus: &str, what: &str) -> BusError {
    BusError::Range { bus: bus.to_owned(), what: what.to_owned() }
}

fn once(first: bool, what: impl Fn() -> String) -> Result<(), BusError> {
    if first { Ok(()) } else { Err(BusError::Twice { what: what() }) }
}

const fn default_unit() -> u8 {
    1
}

fn default_profile() -> String {
    "sdm630".to_owned()
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
