//! The board: facts that the light node's loops share, for its status page and its relay.

use crate::follow::Tariff;
use crate::relay::RelayStatus;
use crate::sensor::Sample;
use crate::submit::Refusal;
use crate::today::Today;
use crate::wear::Wear;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wattle_primitives::state_key::MeterRecord;
use wattle_primitives::{Address, Amount, AssetId, Epoch, Hash, Height, TimeMs, WattHours};

/// Facts behind a lock.
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

/// One meter, as the status shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeterFacts {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// Address of its key; `None` for one that signs nothing.
    pub(crate) address: Option<Address>,
    /// Uptime of the last good sample, ms; 0 before the first.
    #[serde(skip)]
    pub(crate) seen_ms: u64,
    /// Samples since the start.
    pub(crate) samples: u64,
    /// Failed samples since the start.
    pub(crate) failures: u64,
    /// Reason why it cannot be read at present.
    pub(crate) error: Option<String>,
    /// Reason why its counters are not signed at present.
    pub(crate) held: Option<&'static str>,
    /// Import counter.
    pub(crate) import_wh: Option<WattHours>,
    /// Export counter.
    pub(crate) export_wh: Option<WattHours>,
    /// Telemetry by name.
    pub(crate) quantities: BTreeMap<String, f64>,
    /// Energy since midnight UTC.
    pub(crate) today: Option<Today>,
    /// The last proven balance of its owner.
    pub(crate) credit: Option<Credit>,
    #[serde(skip)]
    pub(crate) tariff: Option<ProvenTariff>,
    /// Its record, as the chain is proven to have it.
    #[serde(skip)]
    pub(crate) proven: Option<MeterRecord>,
    /// Readings that the chain refuses, and why.
    #[serde(rename = "refusedByChain")]
    pub(crate) refusal: Option<Refusal>,
    /// Outcome of the last round with the chain, in a word.
    pub(crate) submission: &'static str,
}

/// A balance that was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credit {
    /// Account that the meter's energy is booked to.
    pub(crate) owner: Address,
    /// In which asset.
    pub(crate) asset: AssetId,
    /// Money that it can spend, base units.
    pub(crate) available: Amount,
    /// Height whose state holds it.
    pub(crate) height: Height,
    /// That header's time.
    pub(crate) time_ms: TimeMs,
}

/// Prices, and until when they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProvenTariff {
    pub(crate) tariff: Tariff,
    /// Uptime at which they are too old, ms.
    pub(crate) until_ms: u64,
}

/// The chain as far as it is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChainFacts {
    /// Its name.
    pub(crate) chain_id: String,
    /// Genesis hash.
    pub(crate) genesis_hash: Hash,
    /// The newest header believed.
    pub(crate) height: Height,
    /// Its hash.
    pub(crate) hash: Hash,
    /// Its epoch.
    pub(crate) epoch: Epoch,
    /// Its time.
    pub(crate) time_ms: TimeMs,
    /// How old it is, ms; `None` while that cannot be told.
    pub(crate) age_ms: Option<u64>,
    /// When trust in it ends.
    pub(crate) trusted_until_ms: TimeMs,
    /// Whether balances and prices are believed.
    pub(crate) believing: bool,
    /// Reason for doubt: `trust_expired`, `peers_disagree` or `nothing_verified`.
    pub(crate) reason: Option<&'static str>,
    /// The same in words, with what to do.
    pub(crate) advice: Option<String>,
    /// Peers that can be asked.
    pub(crate) peers: usize,
    /// Visits to the chain, where it is visited on demand; `None` where connections stand.
    pub(crate) visits: Option<Visits>,
    /// Answers since the start that no honest peer gives.
    pub(crate) lies: u64,
    /// Times since the start that a second peer had the same header.
    pub(crate) agreements: u64,
}

/// Visits to the chain since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Visits {
    /// Between two of them, ms.
    pub(crate) interval_ms: u64,
    /// Visits that came to something.
    pub(crate) done: u64,
    /// Tries that reached nobody, or nobody of use.
    pub(crate) failed: u64,
    /// The same since the last visit that came to something.
    pub(crate) failed_since_last: u64,
    /// Time of that visit.
    pub(crate) last_ms: Option<TimeMs>,
}

impl Board {
    pub(crate) fn new(meters: Vec<MeterFacts>) -> Self {
        let chain = ChainFacts { reason: Some("nothing_verified"), ..ChainFacts::default() };
        Self { facts: Mutex::new(Facts { meters, chain, ..Facts::default() }) }
    }

    /// Adds a meter, and returns its index.
    pub(crate) fn add(&self, meter: MeterFacts) -> usize {
        let mut facts = self.lock();
        facts.meters.push(meter);
        facts.meters.len().saturating_sub(1)
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
