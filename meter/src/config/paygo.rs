//! The pay-as-you-go device's part of the configuration.

use super::{ConfigError, LightConfig};
use crate::paygo::{Rules, Unit};
use openpaygo::{Count, Keypad, Profile};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use wattle_primitives::Hash;

/// Largest unit, Wh or ms, as on the chain.
const UNIT_SIZE_MAX: u64 = 1 << 40;
/// Most of low, grace and offline grant: ten years in ms.
const AMOUNT_MAX: u64 = 10 * 366 * 86_400_000;

/// The light node as a pay-as-you-go device. Amounts are Wh, or ms of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaygoConfig {
    /// Its id on the chain.
    pub device: Hash,
    /// File with its OpenPAYGO key, and on a second line its starting code.
    pub secret_file: PathBuf,
    /// File with its redemption key; the meter's own when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Meter whose import draws credit, and whose account reports redemptions. The first one that signs when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// Unit of its credit: energy or time.
    pub unit: Unit,
    /// Size of a unit, Wh or ms.
    pub unit_size: u64,
    /// Raw units of a unit: a token counts these.
    pub divider: u16,
    /// Whether tokens are typed on four keys, 1 to 4.
    pub restricted: bool,
    /// Count at which a device without a state begins.
    pub count: u32,
    /// Credit from which on it is said to be low.
    pub low: u64,
    /// Supplied beyond credit before the relay opens.
    pub grace: u64,
    /// Supplied beyond that while the chain is out of reach, once for each token.
    pub offline_grant: u64,
}

impl Default for PaygoConfig {
    fn default() -> Self {
        Self {
            device: Hash::ZERO,
            secret_file: PathBuf::new(),
            key_file: None,
            meter: None,
            unit: Unit::WattHours,
            unit_size: 100,
            divider: 1,
            restricted: false,
            count: 1,
            low: 1000,
            grace: 0,
            offline_grant: 0,
        }
    }
}

impl PaygoConfig {
    /// The device's rules.
    pub(crate) const fn rules(&self) -> Rules {
        Rules {
            device: self.device,
            unit: self.unit,
            unit_size: self.unit_size,
            divider: self.divider,
            keypad: if self.restricted { Keypad::Restricted } else { Keypad::Full },
            count: Count(self.count),
            low: self.low,
            grace: self.grace,
            offline_grant: self.offline_grant,
        }
    }

    /// Index of its meter among all.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`], [`ConfigError::Range`] for one that signs nothing.
    pub fn meter_index(&self, config: &LightConfig) -> Result<usize, ConfigError> {
        let named = |name: &String| config.meters().position(|(_, meter)| meter.name == *name);
        let signing = || config.meters().position(|(_, meter)| meter.key_file.is_some());
        let unsigned = || {
            let range = "a meter with a key_file: its account reports redemptions".to_owned();
            ConfigError::Range { name: "paygo.meter", range }
        };
        let index = match &self.meter {
            Some(name) => named(name)
                .ok_or_else(|| ConfigError::Unknown { name: "paygo.meter", value: name.clone() })?,
            None => signing().ok_or_else(unsigned)?,
        };
        let signs = config.meters().nth(index).is_some_and(|(_, meter)| meter.key_file.is_some());
        if signs { Ok(index) } else { Err(unsigned()) }
    }

    pub(super) fn check(&self, config: &LightConfig) -> Result<(), ConfigError> {
        self.meter_index(config)?;
        let whole = self.unit_size.checked_rem(self.divider.into()) == Some(0);
        let sized = (1..=UNIT_SIZE_MAX).contains(&self.unit_size);
        let count_max = Profile::Own.count_max().0;
        let by_balance = config.relay.as_ref();
        let by_balance = by_balance.is_some_and(|r| r.disconnect_below.is_some() || r.connect_at.is_some());
        let amounts = [self.low, self.grace, self.offline_grant];
        let refused = [
            ("paygo.device", "given".to_owned(), self.device == Hash::ZERO),
            ("paygo.secret_file", "given".to_owned(), self.secret_file.as_os_str().is_empty()),
            ("paygo.unit_size", format!("1 to {UNIT_SIZE_MAX}"), !sized),
            ("paygo.divider", "a whole part of paygo.unit_size".to_owned(), !whole),
            ("paygo.count", format!("1 to {count_max}"), !(1..=count_max).contains(&self.count)),
            (
                "paygo.low, grace and offline_grant",
                format!("at most {AMOUNT_MAX}"),
                amounts.iter().any(|amount| *amount > AMOUNT_MAX),
            ),
            (
                "relay.disconnect_below and connect_at",
                "left out where credit moves the relay".to_owned(),
                by_balance,
            ),
        ];
        match refused.into_iter().find(|(.., refused)| *refused) {
            Some((name, range, _)) => Err(ConfigError::Range { name, range }),
            None => Ok(()),
        }
    }
}
