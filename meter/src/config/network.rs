//! How the chain is reached: the network's part of the configuration.

use super::LightConfig;
use serde::{Deserialize, Serialize};

/// From this interval of readings on the chain is visited on demand, in ms.
const ON_DEMAND_FROM_MS: u64 = 300_000;
/// Between two looks at balances while connected, in ms.
const CREDIT_MS: u64 = 60_000;
/// The same on demand, where nothing moves by them, in ms: each look costs as much as a visit.
const CREDIT_ON_DEMAND_MS: u64 = 6 * 3_600_000;

/// How the chain is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// When to be connected. When left out, what the readings ask for: see [`LightConfig::visit_interval_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<NetworkMode>,
    /// Between two visits on demand, in ms; `reading_interval_ms` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

/// When to be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// To all peers, all the time.
    Always,
    /// To one peer, for some seconds, when a reading waits or an interval is over.
    OnDemand,
}

impl LightConfig {
    /// Between two visits in ms, where the chain is visited on demand; `None` where connections stand. When the mode is
    /// left out, connections stand for readings more often than every five minutes or in steps, and for a relay that
    /// goes by the balance: others have nothing to do between two readings.
    #[must_use]
    pub fn visit_interval_ms(&self) -> Option<u64> {
        let steps = self.meters().any(|(_, meter)| meter.profile.reading_step_wh > 0);
        let seldom = self.reading_interval_ms >= ON_DEMAND_FROM_MS && !steps && !self.goes_by_balance();
        let by_need = if seldom { NetworkMode::OnDemand } else { NetworkMode::Always };
        match self.network.mode.unwrap_or(by_need) {
            NetworkMode::Always => None,
            NetworkMode::OnDemand => Some(self.network.interval_ms.unwrap_or(self.reading_interval_ms)),
        }
    }

    /// Between two looks at balances and prices, in ms. On demand, a look waits for a visit.
    #[must_use]
    pub fn credit_interval_ms(&self) -> u64 {
        let usual = match self.visit_interval_ms() {
            Some(_) if self.goes_by_balance() => 0,
            Some(_) => CREDIT_ON_DEMAND_MS,
            None => CREDIT_MS,
        };
        self.credit.interval_ms.unwrap_or(usual)
    }

    /// An interval between looks at balances, in ms, that makes each visit look at them where nothing moves by them.
    /// Older versions wrote one into every file.
    #[must_use]
    pub fn needless_credit_interval_ms(&self) -> Option<u64> {
        let visits = self.visit_interval_ms().filter(|_| !self.goes_by_balance())?;
        self.credit.interval_ms.filter(|looks| *looks < visits)
    }

    /// Whether a relay is moved by a proven balance.
    fn goes_by_balance(&self) -> bool {
        let limits = self.relay.as_ref().map(|relay| (relay.disconnect_below, relay.connect_at));
        limits.is_some_and(|(below, at)| below.is_some() || at.is_some())
    }
}
