//! The chain's refusals: why it took no reading, as far as the meter's proven record shows.

use serde::{Serialize, Serializer};

use wattle_primitives::reading::{FlowLimit, Reading};
use wattle_primitives::state_key::MeterRecord;
use wattle_primitives::{Reason, TimeMs};

/// Reasons why the chain takes no reading, as far as the meter's proven record shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// Another meter has taken its place, it was retired, or it is suspended until somebody has read it.
    Closed(Reason),
    /// The counters are below those that the chain has.
    RegisterDecreased,
    /// The words are no energy in the encoding that the meter is registered with.
    BadRegisters,
    /// More energy than the registered power allows for the time.
    Implausible,
    /// The record does not show it.
    Unknown,
}

impl Objection {
    /// Somebody has to read the meter first.
    pub(super) const SUSPENDED: Self = Self::Closed(Reason::MeterSuspended);

    /// The objection that `record` holds against a reading at chain time `now`.
    pub(super) fn of(record: &MeterRecord, reading: &Reading, now: TimeMs) -> Self {
        if let Some(reason) = record.closed() {
            return Self::Closed(reason);
        }
        let next = |count: Option<u64>, words: &[u16]| match count {
            Some(count) => record.encoding.next_count(count, words),
            None => record.encoding.count(words).map(Some),
        };
        let last = record.last;
        let import = next(last.map(|last| last.import_count), &reading.import);
        let export = next(last.map(|last| last.export_count), &reading.export);
        let (Ok(import), Ok(export)) = (import, export) else { return Self::BadRegisters };
        let (Some(import), Some(export)) = (import, export) else { return Self::RegisterDecreased };
        let Some(last) = last else { return Self::Unknown };
        let stands = (record.encoding.energy_of(import), record.encoding.energy_of(export));
        let (Ok(import_wh), Ok(export_wh)) = stands else { return Self::BadRegisters };
        let rise = import_wh.saturating_sub(last.import_wh).max(export_wh.saturating_sub(last.export_wh));
        let limit = FlowLimit { encoding: record.encoding, power_max_w: record.power_max_w };
        if limit.until(last.flow_ms, rise, import_wh.max(export_wh), now).is_some() {
            return Self::Unknown;
        }
        let turned = |before: u64, after: u64| {
            record.encoding.modulus().is_some_and(|turn| before.checked_div(turn) != after.checked_div(turn))
        };
        let fell = turned(last.import_count, import) || turned(last.export_count, export);
        if fell { Self::RegisterDecreased } else { Self::Implausible }
    }

    /// Whether time changes nothing about it.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Closed(_) | Self::RegisterDecreased | Self::BadRegisters)
    }

    /// In a word.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Closed(reason) => reason.code(),
            Self::RegisterDecreased => "register_decreased",
            Self::BadRegisters => "bad_registers",
            Self::Implausible => "implausible_reading",
            Self::Unknown => "unknown",
        }
    }
}

impl Serialize for Objection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Readings that the chain has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refusal {
    /// Number of the last one.
    pub up_to: u64,
    /// Why they were refused.
    pub reason: Objection,
    /// Transactions in a row of which not everything was taken.
    #[serde(skip)]
    pub(super) times: u32,
    /// Uptime until which they are not tried again, ms.
    #[serde(skip)]
    pub(super) until_ms: u64,
}

impl Refusal {
    #[cfg(test)]
    pub(crate) const fn for_tests(up_to: u64, reason: Objection, times: u32) -> Self {
        Self { up_to, reason, times, until_ms: 0 }
    }

    /// Whether the same was refused more than once.
    #[must_use]
    pub(crate) const fn is_lasting(&self) -> bool {
        self.times > 1
    }
}
