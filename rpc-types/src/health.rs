//! `/healthy` and `/ready`: whether this node works, and whether its answers are fresh.

use crate::decimal;
use serde::{Deserialize, Serialize};
use wattle_primitives::validator::VotingPower;
use wattle_primitives::{Height, PublicKey};

/// Questions of those who watch the node. Asked outside the blocking pool: must not wait.
pub trait HealthQueries {
    /// Whether the process can do its work.
    fn health(&self) -> Health;

    /// Whether its answers are fresh.
    fn readiness(&self) -> Readiness;
}

/// Verdict of `/healthy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// All well.
    Ok,
    /// Works, but somebody should look: see the reasons.
    Degraded,
    /// Does not work and will not by itself. Answered with status 503.
    Failed,
}

/// Which validators of the current epoch this node hears, itself or through others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Liveness {
    /// Whether those that are heard are a quorum. Without one no block becomes final.
    pub quorum: bool,
    /// Least power that is a quorum.
    pub quorum_power: VotingPower,
    /// Power of all validators.
    pub total_power: VotingPower,
    /// Power of those that are missing.
    pub missing_power: VotingPower,
    /// Keys of those that are missing: none of them gave a sign of life for 8 s.
    pub validators_missing: Vec<PublicKey>,
}

/// `/healthy`: whether the process is alive and can do its work. Not whether its data are fresh: that is `/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Why it is not `ok`: stable snake_case codes, each also a gauge.
    pub reasons: Vec<String>,
    /// Validators that are heard; absent while consensus does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Liveness>,
}

/// `/ready`: whether answers are fresh enough to rely on. 200 when ready, else 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// The verdict.
    pub ready: bool,
    /// Last finalized height.
    pub height: Height,
    /// Heights behind the best that peers tell.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub lag_heights: u64,
    /// Age of the last finalized block, ms.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub lag_ms: u64,
    /// Why it is not ready: stable snake_case codes.
    pub reasons: Vec<String>,
    /// Validators that are heard; absent while consensus does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Liveness>,
}
