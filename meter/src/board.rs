//! What the light node's loops know at this moment, for its status page and its relay.

use crate::follow::Tariff;
use crate::relay::RelayStatus;
use crate::sensor::Sample;
use crate::submit::Refusal;
use crate::wear::Wear;
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wattle_primitives::reading::RegisterEncoding;
use wattle_primitives::state_key::{LastReading, MeterRecord};
use wattle_primitives::{Address, Amount, AssetId, Epoch, Hash, Height, TimeMs, WattHours};

/// Facts, and how often the disk was written to.
#[derive(Debug)]
pub(crate) struct Board {
    facts: Mutex<Facts>,
}

/// Everything on the board.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) meters: Vec<MeterFacts>,
    pub(crate) chain: ChainFacts,
    pub(crate) relay: Option<RelayStatus>,
    pub(crate) wear: Wear,
    /// Bytes written that no queue and no follower counts.
    other_bytes: u64,
}

/// One meter.
#[derive(Clone, Debug, Default)]
pub(crate) struct MeterFacts {
    pub(crate) name: String,
    /// Address of its key; `None` for one that signs nothing.
    pub(crate) address: Option<Address>,
    /// Uptime of the last good sample, ms; 0 before the first.
    pub(crate) seen_ms: u64,
    /// Samples since the start.
    pub(crate) samples: u64,
    /// Failed samples since the start.
    pub(crate) failures: u64,
    /// Why it cannot be read at present.
    pub(crate) error: Option<String>,
    /// Why its counters are not signed at present.
    pub(crate) held: Option<&'static str>,
    pub(crate) counters: Option<(WattHours, WattHours)>,
    pub(crate) quantities: BTreeMap<String, f64>,
    pub(crate) today: Option<Today>,
    pub(crate) credit: Option<Credit>,
    pub(crate) tariff: Option<ProvenTariff>,
    /// What the chain is proven to have of the meter.
    pub(crate) proven: Option<Proven>,
    /// What the chain refuses.
    pub(crate) refusal: Option<Refusal>,
    /// What the last round with the chain came to.
    pub(crate) submission: &'static str,
}

/// Energy since midnight UTC, by the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Today {
    /// Imported.
    pub import_wh: WattHours,
    /// Exported.
    pub export_wh: WattHours,
    /// When counting began: midnight, or the first sample after it.
    pub since_ms: TimeMs,
}

/// A balance that was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credit {
    /// Account that the meter's energy is booked to.
    pub owner: Address,
    /// In which asset.
    pub asset: AssetId,
    /// What it can spend, base units.
    pub available: Amount,
    /// Height whose state holds it.
    pub height: Height,
    /// That header's time.
    pub time_ms: TimeMs,
}

/// Prices, and until when they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProvenTariff {
    pub(crate) tariff: Tariff,
    /// Uptime at which they are too old, ms.
    pub(crate) until_ms: u64,
}

/// What the chain is proven to have of a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) encoding: RegisterEncoding,
    pub(crate) power_max_w: u32,
    pub(crate) replaced: bool,
    pub(crate) last: Option<LastReading>,
}

impl Proven {
    pub(crate) fn of(record: &MeterRecord) -> Self {
        let MeterRecord { encoding, power_max_w, last, .. } = *record;
        Self { encoding, power_max_w, replaced: record.replaced_by.is_some(), last }
    }
}

/// The chain as far as it is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainFacts {
    /// Its name.
    pub chain_id: String,
    /// Genesis hash.
    pub genesis_hash: Hash,
    /// The newest header believed.
    pub height: Height,
    /// Its hash.
    pub hash: Hash,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its time.
    pub time_ms: TimeMs,
    /// How old it is, ms; `None` while that cannot be told.
    pub age_ms: Option<u64>,
    /// When trust in it ends.
    pub trusted_until_ms: TimeMs,
    /// Whether balances and prices are believed.
    pub believing: bool,
    /// Why not: `trust_expired`, `peers_disagree` or `nothing_verified`.
    pub reason: Option<&'static str>,
    /// The same in words, with what to do.
    pub advice: Option<String>,
    /// Peers that can be asked.
    pub peers: usize,
    /// Answers since the start that no honest peer gives.
    pub lies: u64,
    /// Times since the start that a second peer had the same header.
    pub agreements: u64,
}

impl Board {
    pub(crate) fn new(meters: Vec<MeterFacts>) -> Self {
        let chain = ChainFacts { reason: Some("nothing_verified"), ..ChainFacts::default() };
        Self { facts: Mutex::new(Facts { meters, chain, ..Facts::default() }) }
    }

    /// Changes facts. `change` is short and does no I/O.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        change(&mut self.lock())
    }

    /// As [`Board::update`], for the meter with this index.
    pub(crate) fn update_meter(&self, index: usize, change: impl FnOnce(&mut MeterFacts)) {
        if let Some(meter) = self.lock().meters.get_mut(index) {
            change(meter);
        }
    }

    /// Uptime of the meter's last good sample in ms, 0 before the first.
    pub(crate) fn meter_seen_ms(&self, index: usize) -> u64 {
        self.lock().meters.get(index).map_or(0, |meter| meter.seen_ms)
    }

    /// Counts bytes that neither a queue nor the follower has written.
    pub(crate) fn wrote(&self, bytes: u64) {
        let mut facts = self.lock();
        facts.other_bytes = facts.other_bytes.saturating_add(bytes);
    }

    /// Takes in what queues and follower have written in all, and warns when the budget is exceeded.
    pub(crate) fn note_wear(&self, uptime_ms: u64, bytes: u64, budget: u64) {
        let mut facts = self.lock();
        let total = bytes.saturating_add(facts.other_bytes);
        if facts.wear.note(uptime_ms, total, budget) {
            let per_hour = facts.wear.per_hour();
            tracing::warn!(
                per_hour,
                budget,
                "more is written than the card's budget allows: raise the intervals"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        // Nothing panics while it is held, and facts are valid after any change.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MeterFacts {
    /// Takes in a sample that was read.
    pub(crate) fn show(&mut self, sample: &Sample, uptime_ms: u64) {
        self.seen_ms = uptime_ms;
        self.samples = self.samples.saturating_add(1);
        self.error = None;
        self.quantities.clone_from(&sample.quantities);
    }

    /// Net power in W: positive while the meter imports. `None` when the profile names none.
    pub(crate) fn watts(&self) -> Option<f64> {
        let whole = ["watts", "watts_grid", "grid_watts"].iter().find_map(|name| self.quantities.get(*name));
        whole.copied().or_else(|| {
            let phases = ["watts_l1", "watts_l2", "watts_l3"].map(|name| self.quantities.get(name).copied());
            phases.iter().any(Option::is_some).then(|| phases.into_iter().flatten().sum())
        })
    }
}

/// An error and everything below it, in one line.
pub(crate) fn causes(error: &impl Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
