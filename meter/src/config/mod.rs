//! The light node's configuration: one TOML file, read at the start.

mod network;
mod relay;

pub use network::{NetworkConfig, NetworkMode};
pub(crate) use relay::RelayConfig;

use crate::clock::DAY_MS;
use crate::queue::CAPACITY_MAX;
use crate::sensor::{BusConfig, BusError, MeterConfig};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use wattle_chain_spec::NodeAddress;
use wattle_primitives::{Address, Amount, AssetId};

/// Longest configuration file in bytes.
pub(crate) const CONFIG_BYTES_MAX: u64 = 64 * 1024;
/// Most peers in a configuration.
pub(crate) const PEERS_MAX: usize = 16;
/// Energy in steps that a queue has room for, Wh a day.
const STEP_WH_A_DAY: u64 = 100_000;
/// Longest interval that can be set, in ms.
const INTERVAL_MS_MAX: u64 = DAY_MS;

/// A light node's configuration, as it stands in its TOML file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightConfig {
    /// Where queues and trusted head are kept. One process at a time.
    pub data_dir: PathBuf,
    /// File with the checkpoint that is trusted without proof.
    pub checkpoint: PathBuf,
    /// Validators or full nodes to ask.
    pub peers: Vec<NodeAddress>,
    /// Whether to find peers in the local network too.
    pub mdns: bool,
    /// Who pays for transactions: a sponsor of the meters. Each meter itself when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_payer: Option<Address>,
    /// Most native base units for one transaction.
    pub max_fee: Amount,
    /// Between two samples of a meter, in ms. They feed no bill.
    pub sample_interval_ms: u64,
    /// Between two signed readings, in ms, aligned to the clock.
    pub reading_interval_ms: u64,
    /// How long a reading may wait for its fsync, in ms; 0 syncs each at once. Batches spare SD cards.
    pub sync_interval_ms: u64,
    /// Between two looks at the chain when nothing waits, in ms.
    pub follow_interval_ms: u64,
    /// Longest time over which light nodes with a backlog spread their beginnings after an outage, in ms.
    pub submit_spread_ms: u64,
    /// Days of readings that a queue holds.
    pub queue_days: u64,
    /// Bytes of pages that may be written in an hour; above it a warning is given.
    pub write_budget_bytes_per_hour: u64,
    /// Takes the operating system's clock as synchronized without asking.
    pub trust_clock: bool,
    /// Where the status is served, a loopback address; empty for nowhere.
    pub status_listen: String,
    /// How the chain is reached.
    pub network: NetworkConfig,
    /// Looks at balances.
    pub credit: CreditConfig,
    /// The relay, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayConfig>,
    /// The lines, each with its meters.
    #[serde(rename = "bus")]
    pub buses: Vec<BusConfig>,
}

impl Default for LightConfig {
    /// The defaults. Where there is none, the value is empty, and [`Self::check`] asks for one.
    fn default() -> Self {
        Self {
            data_dir: PathBuf::new(),
            checkpoint: PathBuf::new(),
            peers: Vec::new(),
            mdns: false,
            fee_payer: None,
            max_fee: Amount(10_000_000),
            sample_interval_ms: 5_000,
            reading_interval_ms: 900_000,
            sync_interval_ms: 10_000,
            follow_interval_ms: 10_000,
            submit_spread_ms: 300_000,
            queue_days: 30,
            write_budget_bytes_per_hour: 1024 * 1024,
            trust_clock: false,
            status_listen: "127.0.0.1:8660".to_owned(),
            network: NetworkConfig::default(),
            credit: CreditConfig::default(),
            relay: None,
            buses: Vec::new(),
        }
    }
}

/// Looks at the balances of the meters' owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreditConfig {
    /// In which asset; 0 is the native one.
    pub asset: AssetId,
    /// Between two looks, in ms; when left out, see [`LightConfig::credit_interval_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// How old the header that proves a balance may be for the relay to act on it, in ms.
    pub age_ms_max: u64,
}

impl Default for CreditConfig {
    fn default() -> Self {
        Self { asset: AssetId::NATIVE, interval_ms: None, age_ms_max: 900_000 }
    }
}

/// Reasons why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Too long, not TOML, or not of this shape.
    #[error("{}: {message}", path.display())]
    Syntax { path: PathBuf, message: String },
    /// A value that makes no sense.
    #[error("{name} must be {range}")]
    Range { name: &'static str, range: String },
    /// Lines or meters cannot be used as they stand.
    #[error("bus")]
    Bus(#[source] BusError),
    /// Something is named that is not there.
    #[error("{name} names {value:?}, which is not configured")]
    Unknown { name: &'static str, value: String },
}

impl LightConfig {
    /// Reads and checks the configuration in `path`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let syntax = |message| ConfigError::Syntax { path: path.to_owned(), message };
        if std::fs::metadata(path).map_err(read)?.len() > CONFIG_BYTES_MAX {
            return Err(syntax(format!("longer than {CONFIG_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let config: Self = toml::from_str(&text).map_err(|e| syntax(e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Checks every range, and that everything named is there.
    ///
    /// # Errors
    /// [`ConfigError`] but [`ConfigError::Read`] and [`ConfigError::Syntax`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let day = INTERVAL_MS_MAX;
        let ranges = [
            ("sample_interval_ms", self.sample_interval_ms, 100, day),
            ("reading_interval_ms", self.reading_interval_ms, 1000, day),
            ("sync_interval_ms", self.sync_interval_ms, 0, day),
            ("follow_interval_ms", self.follow_interval_ms, 100, day),
            ("submit_spread_ms", self.submit_spread_ms, 0, day),
            ("queue_days", self.queue_days, 1, 3650),
            ("credit.interval_ms", self.credit.interval_ms.unwrap_or(day), 1000, day),
            ("network.interval_ms", self.network.interval_ms.unwrap_or(day), 1000, day),
            ("credit.age_ms_max", self.credit.age_ms_max, 1000, 30 * day),
        ];
        for (name, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(ConfigError::Range { name, range: format!("{min} to {max}") });
            }
        }
        let refused = [
            ("data_dir", "given".to_owned(), self.data_dir.as_os_str().is_empty()),
            ("checkpoint", "given".to_owned(), self.checkpoint.as_os_str().is_empty()),
            ("peers", format!("at most {PEERS_MAX} addresses"), self.peers.len() > PEERS_MAX),
            ("peers", "given unless mdns is on".to_owned(), self.peers.is_empty() && !self.mdns),
            ("bus", "given, each with a meter".to_owned(), self.meters().next().is_none()),
        ];
        if let Some((name, range, _)) = refused.into_iter().find(|(.., refused)| *refused) {
            return Err(ConfigError::Range { name, range });
        }
        self.status_address()?;
        BusConfig::check_all(&self.buses).map_err(ConfigError::Bus)?;
        self.relay.as_ref().map_or(Ok(()), |relay| relay.check(self))
    }

    /// Every meter with the index of its line, in order.
    pub fn meters(&self) -> impl Iterator<Item = (usize, &MeterConfig)> {
        let buses = self.buses.iter().enumerate();
        buses.flat_map(|(at, bus)| bus.meters.iter().map(move |meter| (at, meter)))
    }

    /// Where the status is served; `None` for nowhere.
    ///
    /// # Errors
    /// [`ConfigError::Range`] when it is no loopback address.
    pub fn status_address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.status_listen.is_empty() {
            return Ok(None);
        }
        let parsed = self.status_listen.parse::<SocketAddr>().ok();
        let range = "a loopback address with its port, such as 127.0.0.1:8660, or empty".to_owned();
        let refused = ConfigError::Range { name: "status_listen", range };
        parsed.filter(|address| address.ip().is_loopback()).map(Some).ok_or(refused)
    }

    /// Readings that each queue holds: those of `queue_days`, with 100 kWh a day where steps make readings, and room
    /// for events.
    #[must_use]
    pub fn queue_capacity(&self) -> usize {
        let steps = self.meters().map(|(_, meter)| meter.profile.reading_step_wh).filter(|step| *step > 0);
        let steps_a_day = steps.min().map_or(0, |step| STEP_WH_A_DAY / step);
        let readings = self.queue_days.saturating_mul(DAY_MS) / self.reading_interval_ms.max(1);
        let readings = readings.saturating_add(self.queue_days.saturating_mul(steps_a_day));
        usize::try_from(readings.saturating_add(1000)).unwrap_or(CAPACITY_MAX).min(CAPACITY_MAX)
    }

    /// The directory of one meter.
    #[must_use]
    pub fn meter_dir(&self, name: &str) -> PathBuf {
        self.data_dir.join(name)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::least;
