//! Energy since midnight, from the counters themselves.
//!
//! The counters at the first sample of a day (UTC) are kept in a small file, so that a restart in the afternoon does
//! not begin the day anew: one write a day.

use crate::clock::DAY_MS;
use crate::sensor::Energy;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wattle_primitives::reading::ClockQuality;
use wattle_primitives::{TimeMs, WattHours};

const FILE: &str = "today.json";

/// Where the counters stood when the day began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Start {
    since_ms: TimeMs,
    import_wh: WattHours,
    export_wh: WattHours,
}

/// Energy since midnight UTC, by the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Today {
    /// Energy imported.
    pub(crate) import_wh: WattHours,
    /// Energy exported.
    pub(crate) export_wh: WattHours,
    /// When counting began: midnight, or the first sample after it.
    pub(crate) since_ms: TimeMs,
}

/// The day of one meter.
pub(crate) struct Day {
    path: PathBuf,
    start: Option<Start>,
}

impl Day {
    /// The day that the meter's directory remembers.
    pub(crate) fn open(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let start = crate::files::read(&path).and_then(|text| serde_json::from_str(&text).ok());
        Self { path, start }
    }

    /// Takes counters in. `None` while nobody knows what day it is. Returns the bytes that were written too.
    pub(crate) fn note(&mut self, energy: &Energy, stamp: (TimeMs, ClockQuality)) -> (Option<Today>, u64) {
        let (now, quality) = stamp;
        if quality == ClockQuality::Unset {
            return (None, 0);
        }
        // Counters that fell are another meter's, or were reset: the day begins anew with them.
        let same = |start: &Start| {
            start.since_ms.0 / DAY_MS == now.0 / DAY_MS
                && start.import_wh <= energy.import_wh
                && start.export_wh <= energy.export_wh
        };
        let (start, written) = match self.start.filter(same) {
            Some(start) => (start, 0),
            None => self.begin(energy, now),
        };
        let since = |now: WattHours, then: WattHours| WattHours(now.0.saturating_sub(then.0));
        let today = Today {
            import_wh: since(energy.import_wh, start.import_wh),
            export_wh: since(energy.export_wh, start.export_wh),
            since_ms: start.since_ms,
        };
        (Some(today), written)
    }

    fn begin(&mut self, energy: &Energy, now: TimeMs) -> (Start, u64) {
        let start = Start { since_ms: now, import_wh: energy.import_wh, export_wh: energy.export_wh };
        self.start = Some(start);
        let text = serde_json::to_string(&start).unwrap_or_default();
        // For display only: a disk that refuses this refuses the next reading too, and that ends the light node.
        match crate::files::replace(&self.path, &text, 0o600) {
            Ok(()) => (start, crate::files::written_bytes(&text)),
            Err(error) => {
                tracing::warn!(error = wattle_host::causes(&error), "the day's first counters are not kept");
                (start, 0)
            }
        }
    }
}

#[cfg(test)]
#[path = "today_tests.rs"]
mod tests;
