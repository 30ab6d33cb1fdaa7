//! What a light node is told at its start.

use crate::queue::CAPACITY_MAX;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wattle_chain_spec::NodeAddress;
use wattle_primitives::{Address, Amount};

/// Longest configuration file in bytes.
pub const CONFIG_BYTES_MAX: u64 = 64 * 1024;
/// Most peers in a configuration.
pub const PEERS_MAX: usize = 16;
const DAY_MS: u64 = 86_400_000;
/// Longest interval that can be set, in ms.
const INTERVAL_MS_MAX: u64 = DAY_MS;

/// A light node's configuration, as it stands in its TOML file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LightConfig {
    /// Where queue and trusted head are kept. One process at a time.
    pub data_dir: PathBuf,
    /// File with the meter's key: 64 hex digits, mode 600.
    pub key_file: PathBuf,
    /// File with the checkpoint that is trusted without proof.
    pub checkpoint: PathBuf,
    /// Validators or full nodes to stay connected with.
    pub peers: Vec<NodeAddress>,
    /// Whether to find peers in the local network too.
    #[serde(default)]
    pub mdns: bool,
    /// Who pays for transactions: a sponsor of the meter. The meter itself when left out.
    #[serde(default)]
    pub fee_payer: Option<Address>,
    /// Most native base units for one transaction.
    #[serde(default = "default_max_fee")]
    pub max_fee: Amount,
    /// Between two samples of the meter, in ms. They feed no bill.
    #[serde(default = "default_sample_interval_ms")]
    pub sample_interval_ms: u64,
    /// Between two signed readings, in ms, aligned to the clock.
    #[serde(default = "default_reading_interval_ms")]
    pub reading_interval_ms: u64,
    /// How long a reading may wait for its fsync, in ms; 0 syncs each at once. Batches spare SD cards.
    #[serde(default = "default_sync_interval_ms")]
    pub sync_interval_ms: u64,
    /// Between two looks at the chain when nothing waits, in ms.
    #[serde(default = "default_follow_interval_ms")]
    pub follow_interval_ms: u64,
    /// Days of readings that the queue holds.
    #[serde(default = "default_queue_days")]
    pub queue_days: u64,
    /// Takes the operating system's clock as synchronized without asking.
    #[serde(default)]
    pub trust_clock: bool,
    /// The meter.
    pub meter: MeterConfig,
}

/// Where the meter is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterConfig {
    /// Address of the Modbus TCP server or gateway.
    pub address: SocketAddr,
    /// The meter's id behind it.
    #[serde(default = "default_unit")]
    pub unit: u8,
    /// `sdm630`, or the path of a profile file.
    #[serde(default = "default_profile")]
    pub profile: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Too long, not TOML, or not of this shape.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What was expected, with line and column.
        message: String,
    },
    /// A value that makes no sense.
    #[error("{name} must be {range}")]
    Range {
        /// Which value.
        name: &'static str,
        /// What is allowed.
        range: &'static str,
    },
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

    /// Checks every range.
    ///
    /// # Errors
    /// [`ConfigError::Range`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let range = |name, range| Err(ConfigError::Range { name, range });
        if !(100..=INTERVAL_MS_MAX).contains(&self.sample_interval_ms) {
            return range("sample_interval_ms", "100 to 86400000");
        }
        if !(1000..=INTERVAL_MS_MAX).contains(&self.reading_interval_ms) {
            return range("reading_interval_ms", "1000 to 86400000");
        }
        if self.sync_interval_ms > INTERVAL_MS_MAX {
            return range("sync_interval_ms", "at most 86400000");
        }
        if !(100..=INTERVAL_MS_MAX).contains(&self.follow_interval_ms) {
            return range("follow_interval_ms", "100 to 86400000");
        }
        if !(1..=3650).contains(&self.queue_days) {
            return range("queue_days", "1 to 3650");
        }
        if self.peers.len() > PEERS_MAX {
            return range("peers", "at most 16 addresses");
        }
        if self.peers.is_empty() && !self.mdns {
            return range("peers", "given unless mdns is on");
        }
        Ok(())
    }

    /// Readings that the queue holds: those of `queue_days`, and room for events.
    #[must_use]
    pub fn queue_capacity(&self) -> usize {
        let readings = self.queue_days.saturating_mul(DAY_MS) / self.reading_interval_ms.max(1);
        usize::try_from(readings.saturating_add(1000)).unwrap_or(CAPACITY_MAX).min(CAPACITY_MAX)
    }

    /// Between two samples.
    #[must_use]
    pub const fn sample_interval(&self) -> Duration {
        Duration::from_millis(self.sample_interval_ms)
    }

    /// Between two looks at the chain when nothing waits.
    #[must_use]
    pub const fn follow_interval(&self) -> Duration {
        Duration::from_millis(self.follow_interval_ms)
    }

    /// The directory of the queue.
    #[must_use]
    pub fn queue_dir(&self) -> PathBuf {
        self.data_dir.join("queue")
    }
}

const fn default_max_fee() -> Amount {
    Amount(10_000_000)
}

const fn default_sample_interval_ms() -> u64 {
    5_000
}

const fn default_reading_interval_ms() -> u64 {
    900_000
}

const fn default_sync_interval_ms() -> u64 {
    10_000
}

const fn default_follow_interval_ms() -> u64 {
    10_000
}

const fn default_queue_days() -> u64 {
    30
}

const fn default_unit() -> u8 {
    1
}

fn default_profile() -> String {
    "sdm630".to_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const LEAST: &str = r#"
        data_dir = "/var/lib/wattle-light"
        key_file = "/etc/wattle/meter.key"
        checkpoint = "/etc/wattle/checkpoint.json"
        peers = ["/ip4/10.0.0.1/tcp/8650"]
        [meter]
        address = "10.0.0.9:502"
    "#;

    #[test]
    fn the_least_configuration_has_sane_defaults() {
        let config: LightConfig = toml::from_str(LEAST).unwrap();
        config.check().unwrap();
        assert_eq!((config.meter.unit, config.meter.profile.as_str()), (1, "sdm630"));
        assert_eq!(config.queue_capacity(), 30 * 96 + 1000);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<LightConfig>(&text).unwrap(), config);
    }

    #[test]
    fn the_example_is_a_configuration() {
        let config: LightConfig = toml::from_str(include_str!("../light.example.toml")).unwrap();
        config.check().unwrap();
    }

    #[test]
    fn nonsense_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("light.toml");
        for line in [
            "sample_interval_ms = 0",
            "reading_interval_ms = 10",
            "queue_days = 0",
            "no_such = 1",
            "peers = 5",
        ] {
            std::fs::write(&path, format!("{line}\n{LEAST}")).unwrap();
            assert!(LightConfig::load(&path).is_err(), "{line}");
        }
        std::fs::write(&path, LEAST.replace("\"/ip4/10.0.0.1/tcp/8650\"", "")).unwrap();
        assert!(matches!(LightConfig::load(&path), Err(ConfigError::Range { name: "peers", .. })));
        assert!(matches!(LightConfig::load(Path::new("/no/such")), Err(ConfigError::Read { .. })));
    }
}
