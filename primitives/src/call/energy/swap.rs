//! The statement that the installer signs when a meter is replaced.

use crate::reading::{RegisterEncoding, Words};
use crate::units::{TimeMs, WattHours};
use crate::{Address, Hash, PublicKey, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A meter's replacement: also for a dead light node, or a lost key, in front of the same meter.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeterSwap {
    /// The meter that is replaced; it takes no readings afterwards.
    pub old: Address,
    /// Its import counter as the installer reads it, Wh, in the terms of its accepted readings: what closes it.
    pub final_import_wh: WattHours,
    /// Its export counter likewise.
    pub final_export_wh: WattHours,
    /// Key that signs the new meter's readings.
    pub new: PublicKey,
    /// How the new meter's registers are encoded.
    pub encoding: RegisterEncoding,
    /// Most power that can flow through it, W, more than 0.
    pub power_max_w: u32,
    /// The new meter's import register as the installer reads it.
    pub opening_import: Words,
    /// Its export register likewise.
    pub opening_export: Words,
    /// When the installer read them all, ms UTC: no more than an interval, or an hour, before the block that takes the
    /// swap, nor later than a clock may be ahead of it.
    pub time_ms: TimeMs,
}

impl MeterSwap {
    /// The exact bytes the installer's key signs.
    #[must_use]
    pub fn signing_bytes(&self, chain: &Hash) -> Vec<u8> {
        domain::METER_SWAP.signing_bytes(chain, &crate::encode(self))
    }
}
