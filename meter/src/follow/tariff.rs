//! Prices of energy, proven: from the microgrid's record to the terms in force, to their prices now.

use super::{FollowError, Follower};
use crate::peers::Peers;
use serde::Serialize;
use wattle_p2p::PeerId;
use wattle_primitives::call::energy::{DAY_MINUTES, Terms};
use wattle_primitives::state_key::{self, MicrogridRecord, TermsRecord};
use wattle_primitives::{Amount, AssetId, Hash, Height, TimeMs};

/// Versions of terms that are looked at, from the newest one back: the others begin later than now.
pub(super) const VERSIONS_MAX: u32 = 16;
const MINUTE_MS: u64 = 60_000;

/// Prices that were proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tariff {
    /// The microgrid that asks them.
    pub microgrid: Hash,
    /// Version of its terms.
    pub version: u32,
    /// In which asset.
    pub asset: AssetId,
    /// Base units for a kWh from the grid, averaged over the interval that runs.
    pub import_price: Amount,
    /// The same for a kWh to the grid.
    pub export_price: Amount,
    /// The next prices; `None` when no change is known.
    pub next: Option<NextPrice>,
    /// Height whose state holds the microgrid.
    pub height: Height,
    /// That header's time.
    pub time_ms: TimeMs,
}

/// Prices from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NextPrice {
    /// From when on.
    pub from_ms: TimeMs,
    /// Base units for a kWh from the grid.
    pub import_price: Amount,
    /// The same for a kWh to the grid.
    pub export_price: Amount,
}

impl Follower {
    /// Asks `peer` for the terms of a microgrid that hold now, and believes them only with proofs. `None` when the
    /// microgrid has no terms, or more than [`VERSIONS_MAX`] that begin later.
    ///
    /// # Errors
    /// [`FollowError`].
    pub(crate) async fn prove_tariff(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        microgrid: Hash,
    ) -> Result<Option<Tariff>, FollowError> {
        let Some(grid) = self.prove_record(peers, peer, state_key::microgrid(&microgrid)).await? else {
            return Ok(None);
        };
        let (height, time_ms) = (self.head().height, self.head().time_ms);
        let now = self.clock.now();
        let mut later: Option<TermsRecord> = None;
        for back in 1..=VERSIONS_MAX {
            let Some(version) = grid.terms.checked_sub(back) else { break };
            let key = state_key::terms(&microgrid, version);
            let Some(record) = self.prove_record(peers, peer, key).await? else { break };
            if record.from > grid.interval_at(now) {
                later = Some(record);
                continue;
            }
            let interval = grid.interval_at(now);
            let prices = record.terms.prices(grid.start(interval), grid.end(interval));
            return Ok(Some(Tariff {
                microgrid,
                version,
                asset: grid.asset,
                import_price: prices.import,
                export_price: prices.export,
                next: next(&grid, &record.terms, later.as_ref(), now),
                height,
                time_ms,
            }));
        }
        Ok(None)
    }
}

/// The next prices: another band of the terms in force, or the terms that follow upon them.
fn next(
    grid: &MicrogridRecord,
    terms: &Terms,
    later: Option<&TermsRecord>,
    now: TimeMs,
) -> Option<NextPrice> {
    let band = next_band(terms, now).map(|from_ms| (from_ms, terms));
    let version = later.map(|later| (grid.start(later.from), &later.terms));
    let (from_ms, terms) = band.into_iter().chain(version).min_by_key(|(from_ms, _)| *from_ms)?;
    let prices = terms.prices(from_ms, from_ms);
    Some(NextPrice { from_ms, import_price: prices.import, export_price: prices.export })
}

/// When the next band begins; `None` while there is one only.
fn next_band(terms: &Terms, now: TimeMs) -> Option<TimeMs> {
    if terms.tariff.len() < 2 {
        return None;
    }
    let day = i64::from(DAY_MINUTES);
    let minutes = i64::try_from(now.0 / MINUTE_MS).ok()?;
    let local = minutes.checked_add(i64::from(terms.utc_offset_minutes))?.rem_euclid(day);
    let until = terms.tariff.iter().map(|band| match i64::from(band.from_minute).saturating_sub(local) {
        later if later > 0 => later,
        earlier => earlier.saturating_add(day),
    });
    let next = u64::try_from(minutes.checked_add(until.min()?)?).ok()?;
    Some(TimeMs(next.saturating_mul(MINUTE_MS)))
}

#[cfg(test)]
#[path = "tariff_tests.rs"]
pub(crate) mod tests;
