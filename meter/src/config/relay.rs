//! The relay's part of the configuration.

use super::{ConfigError, LightConfig};
use crate::relay::{Actuator, Fallback, Rules};
use serde::{Deserialize, Serialize};
use wattle_primitives::Amount;

/// Longest interval that can be set, in ms: a week.
const INTERVAL_MS_MAX: u64 = 7 * 86_400_000;

/// A relay: two commands, or a coil on one of the lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayConfig {
    /// Program and arguments that connect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect: Vec<String>,
    /// Program and arguments that disconnect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disconnect: Vec<String>,
    /// Instead of commands: address or device of the line with the relay's Modbus device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// Its unit.
    pub unit: u8,
    /// Address of the coil, from 0: on is connected.
    pub coil: u16,
    /// Meter that the relay belongs to: its presence counts, and its owner's balance. The first one that signs when
    /// left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// At a start, in `auto`.
    pub on_start: Fallback,
    /// When the meter cannot be read, in `auto`.
    pub on_meter_lost: Fallback,
    /// After how long it counts as lost, in ms.
    pub meter_lost_after_ms: u64,
    /// Least time between two changes, in ms.
    pub min_switch_interval_ms: u64,
    /// Proven balance below which `auto` disconnects; never when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_below: Option<Amount>,
    /// Proven balance from which on `auto` connects; never when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_at: Option<Amount>,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            connect: Vec::new(),
            disconnect: Vec::new(),
            bus: None,
            unit: 1,
            coil: 0,
            meter: None,
            on_start: Fallback::Keep,
            on_meter_lost: Fallback::Keep,
            meter_lost_after_ms: 120_000,
            min_switch_interval_ms: 60_000,
            disconnect_below: None,
            connect_at: None,
        }
    }
}

impl RelayConfig {
    /// The rules of the state machine.
    #[must_use]
    pub const fn rules(&self) -> Rules {
        Rules {
            on_start: self.on_start,
            on_meter_lost: self.on_meter_lost,
            min_switch_interval_ms: self.min_switch_interval_ms,
            disconnect_below: self.disconnect_below,
            connect_at: self.connect_at,
        }
    }

    /// The means to move it.
    ///
    /// # Errors
    /// [`ConfigError`] unless there are two commands, or a line.
    pub(crate) fn target(&self, config: &LightConfig) -> Result<Actuator, ConfigError> {
        let range = |range: &str| Err(ConfigError::Range { name: "relay", range: range.to_owned() });
        let given = |words: &[String]| words.first().is_some_and(|program| !program.is_empty());
        match (&self.bus, given(&self.connect), given(&self.disconnect)) {
            (None, true, true) => {
                Ok(Actuator::Command { connect: self.connect.clone(), disconnect: self.disconnect.clone() })
            }
            (Some(name), false, false) => {
                let bus = config.buses.iter().position(|bus| bus.link.place() == *name);
                let unknown = || ConfigError::Unknown { name: "relay.bus", value: name.clone() };
                Ok(Actuator::Coil { bus: bus.ok_or_else(unknown)?, unit: self.unit, coil: self.coil })
            }
            (None, _, _) => range("two commands, connect and disconnect, or a bus with unit and coil"),
            (Some(_), _, _) => range("either commands or a coil, not both"),
        }
    }

    /// Index of its meter among all.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`].
    pub fn meter_index(&self, config: &LightConfig) -> Result<usize, ConfigError> {
        let mut meters = config.meters().map(|(_, meter)| meter);
        match &self.meter {
            Some(name) => meters
                .position(|meter| meter.name == *name)
                .ok_or_else(|| ConfigError::Unknown { name: "relay.meter", value: name.clone() }),
            None => Ok(meters.position(|meter| meter.key_file.is_some()).unwrap_or(0)),
        }
    }

    pub(super) fn check(&self, config: &LightConfig) -> Result<(), ConfigError> {
        self.target(config)?;
        self.meter_index(config)?;
        let ranges = [
            ("relay.meter_lost_after_ms", self.meter_lost_after_ms, 1000),
            ("relay.min_switch_interval_ms", self.min_switch_interval_ms, 0),
        ];
        for (name, value, min) in ranges {
            if !(min..=INTERVAL_MS_MAX).contains(&value) {
                return Err(ConfigError::Range { name, range: format!("{min} to {INTERVAL_MS_MAX}") });
            }
        }
        // With the limits the other way round one balance would connect and disconnect by turns.
        if self.disconnect_below.zip(self.connect_at).is_some_and(|(below, at)| at < below) {
            let range = "at least relay.disconnect_below".to_owned();
            return Err(ConfigError::Range { name: "relay.connect_at", range });
        }
        Ok(())
    }
}
