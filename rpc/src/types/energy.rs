//! Replies of `energy_*`.

use super::decimal;
use super::event::EventPosition;
use serde::{Deserialize, Serialize};
use wattle_primitives::reading::RegisterEncoding;
use wattle_primitives::{Address, AssetId, Hash, PublicKey, TimeMs, WattHours};

/// A registered microgrid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MicrogridInfo {
    /// Its id.
    pub id: Hash,
    /// Who operates it.
    pub operator: Address,
    /// Asset in which energy is settled.
    pub asset: AssetId,
    /// Length of a settlement interval, ms.
    pub interval_ms: TimeMs,
    /// Registered meters.
    pub meters: u32,
}

/// A registered meter and its last accepted reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeterInfo {
    /// Its id: the address of its key.
    pub address: Address,
    /// Its microgrid.
    pub microgrid: Hash,
    /// Key that signs its readings.
    pub key: PublicKey,
    /// Account that its energy is booked to.
    pub owner: Address,
    /// How its registers are encoded.
    pub encoding: RegisterEncoding,
    /// Sequence number of the last accepted reading; 0 before the first.
    #[serde(with = "decimal")]
    pub seq: u64,
    /// Import counter of that reading.
    pub import_wh: WattHours,
    /// Export counter of that reading.
    pub export_wh: WattHours,
    /// The light node's clock at that reading; not trusted.
    pub time_ms: TimeMs,
}

/// One accepted reading, newest first in lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadingItem {
    /// Position of its event.
    #[serde(flatten)]
    pub position: EventPosition,
    /// Transaction that brought it.
    pub tx: Hash,
    /// The meter.
    pub meter: Address,
    /// Its sequence number.
    #[serde(with = "decimal")]
    pub seq: u64,
    /// Import counter.
    pub import_wh: WattHours,
    /// Export counter.
    pub export_wh: WattHours,
    /// The light node's clock; not trusted.
    pub time_ms: TimeMs,
    /// Time of the block, ms UTC.
    pub block_time_ms: TimeMs,
}
