use super::Funding;
use crate::{Address, Hash, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Reserves what the deal may cost; by the charging side.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthoriseDeal {
    /// The deal.
    pub deal: Hash,
    /// The money that backs it.
    pub funding: Funding,
    /// Block time at which the authorisation ends.
    pub expires_ms: TimeMs,
    /// How far use may overshoot the agreed amount, Wh, at most by a tenth of it: reserved as well, and what is
    /// beyond is not paid.
    pub margin_wh: WattHours,
    /// The sender's meter in front of what is charged: no more is used than it has imported since.
    pub meter: Address,
}
