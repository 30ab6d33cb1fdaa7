//! What energy costs, proven: from the microgrid's record to the terms in force, to their prices now.

use super::{FollowError, Follower};
use crate::peers::Peers;
use serde::Serialize;
use wattle_p2p::PeerId;
use wattle_primitives::call::energy::{DAY_MINUTES, Terms};
use wattle_primitives::state_key::{self, MicrogridRecord, TermsRecord};
use wattle_primitives::{Amount, AssetId, Hash, Height, TimeMs};

/// Versions of terms that are looked at, from the newest one back: the others begin later than now.
pub const VERSIONS_MAX: u32 = 16;
const MINUTE_MS: u64 = 60_000;

/// Prices that were proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tariff {
    /// Whose.
    pub microgrid: Hash,
    /// Version of its terms.
    pub version: u32,
    /// In which asset.
    pub asset: AssetId,
    /// Base units for a kWh from the grid, averaged over the interval that runs.
    pub import_price: Amount,
    /// The same for a kWh to the grid.
    pub export_price: Amount,
    /// What comes next; `None` when nothing is known to change.
    pub next: Option<NextPrice>,
    /// Height whose state holds the microgrid.
    pub height: Height,
    /// That header's time.
    pub time_ms: TimeMs,
}

/// Prices from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NextPrice {
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
    pub async fn prove_tariff(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        microgrid: Hash,
    ) -> Result<Option<Tariff>, FollowError> {
        let key = state_key::microgrid(&microgrid);
        let Some(grid) = self.prove_record::<MicrogridRecord>(peers, peer, &key).await? else {
            return Ok(None);
        };
        let (height, time_ms) = (self.head().height, self.head().time_ms);
        let now = self.clock.now();
        let mut later: Option<TermsRecord> = None;
        for back in 1..=VERSIONS_MAX {
            let Some(version) = grid.terms.checked_sub(back) else { break };
            let key = state_key::terms(&microgrid, version);
            let Some(record) = self.prove_record::<TermsRecord>(peers, peer, &key).await? else { break };
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

/// What comes next: another band of the terms in force, or the terms that follow upon them.
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
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::clock::Clock;
    use crate::testchain::{FixedTime, Lie, State, TestChain, TestPeers};
    use std::sync::Arc;
    use wattle_p2p::wire::{Request, Response};
    use wattle_primitives::call::energy::{ClearingRule, LossRule, TariffBand};
    use wattle_primitives::units::{BookId, IntervalId};
    use wattle_primitives::{Address, BoundedBytes, BoundedVec, Epoch};

    const SEEDS: [u8; 4] = [1, 2, 3, 4];
    pub(crate) const GRID: Hash = Hash([0x6a; 32]);
    const INTERVAL_MS: u64 = 900_000;

    /// Terms with one band from each of `bands`: minute, import price, export price.
    pub(crate) fn terms(bands: &[(u16, u128, u128)], utc_offset_minutes: i16) -> Terms {
        let band = |(from_minute, import, export): &(u16, u128, u128)| TariffBand {
            from_minute: *from_minute,
            import_price: Amount(*import),
            export_price: Amount(*export),
        };
        Terms {
            tariff: BoundedVec::new(bands.iter().map(band).collect()).unwrap(),
            utc_offset_minutes,
            clearing: ClearingRule::PayAsBid,
            gate_closure_ms: TimeMs::ZERO,
            grace_ms: TimeMs::ZERO,
            late_window_ms: TimeMs(1),
            fee_per_kwh: Amount::ZERO,
            losses: LossRule::Operator,
            loss_permille_max: 0,
            credit_limit: Amount::ZERO,
            installer: None,
            dispute_votes: 0,
        }
    }

    /// A microgrid with these versions of terms, each with the interval that it begins with.
    pub(crate) fn with_terms(mut state: State, versions: &[(u64, Terms)]) -> State {
        let record = MicrogridRecord {
            operator: Address([9; 32]),
            asset: AssetId(3),
            interval_ms: TimeMs(INTERVAL_MS),
            meters: 1,
            book: BookId(1),
            members: 1,
            ordered: IntervalId(0),
            terms: u32::try_from(versions.len()).unwrap(),
            agenda: None,
        };
        state.insert(state_key::microgrid(&GRID), wattle_primitives::encode(&record));
        for (version, (from, terms)) in (0..).zip(versions) {
            let record = TermsRecord { from: IntervalId(*from), terms: terms.clone() };
            state.insert(state_key::terms(&GRID, version), wattle_primitives::encode(&record));
        }
        state
    }

    fn bench(versions: &[(u64, Terms)]) -> (TestPeers, Follower) {
        let mut chain = TestChain::new(&SEEDS, with_terms(State::new(), versions));
        chain.push(Epoch(0), &SEEDS, &SEEDS, true);
        let time = FixedTime::at(chain.headers[1].time_ms.0, true);
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::of(1, Box::new(time)));
        let follower = Follower::open(chain.checkpoint(&SEEDS), dir.path(), clock).unwrap();
        (TestPeers::new(chain, &SEEDS, 1), follower)
    }

    #[tokio::test]
    async fn the_version_in_force_is_found_behind_those_that_begin_later() {
        let flat = |price| terms(&[(0, price, price / 2)], 0);
        let (peers, mut follower) = bench(&[]);
        let now = peers.chain.lock().unwrap().headers[1].time_ms.0 / INTERVAL_MS;
        assert_eq!(follower.prove_tariff(&peers, peers.peers[0], GRID).await.unwrap(), None);
        let versions = [(0, flat(10)), (now, flat(20)), (now + 3, flat(30)), (now + 9, flat(40))];
        let (peers, mut follower) = bench(&versions);
        let tariff = follower.prove_tariff(&peers, peers.peers[0], GRID).await.unwrap().unwrap();
        assert_eq!((tariff.version, tariff.asset, tariff.height), (1, AssetId(3), Height(1)));
        assert_eq!((tariff.import_price, tariff.export_price), (Amount(20), Amount(10)));
        let from_ms = TimeMs((now + 3) * INTERVAL_MS);
        let next = NextPrice { from_ms, import_price: Amount(30), export_price: Amount(15) };
        assert_eq!(tariff.next, Some(next), "the nearest of those to come");
        // Nobody is walked back for ever.
        let many: Vec<_> = (0..=u64::from(VERSIONS_MAX)).map(|n| (now + n, flat(10))).collect();
        let (peers, mut follower) = bench(&many);
        assert_eq!(follower.prove_tariff(&peers, peers.peers[0], GRID).await.unwrap(), None);
    }

    #[tokio::test]
    async fn forged_terms_and_a_forged_microgrid_are_refused() {
        let honest = terms(&[(0, 20, 10)], 0);
        let cheap = terms(&[(0, 1, 1)], 0);
        for record in [
            wattle_primitives::encode(&TermsRecord { from: IntervalId(0), terms: cheap.clone() }),
            with_terms(State::new(), &[(0, honest.clone()), (0, cheap)])[&state_key::microgrid(&GRID)]
                .clone(),
        ] {
            let is_terms = record.first_chunk::<8>() == Some(&[0; 8]);
            let (peers, mut follower) = bench(&[(0, honest.clone())]);
            let forged: Lie = Box::new(move |_, request, answer| match (request, answer) {
                (Request::Proof { key }, Response::Proof(mut answer))
                    if (key[0] == state_key::TERMS) == is_terms =>
                {
                    answer.value = Some(BoundedBytes::new(record.clone()).unwrap());
                    Response::Proof(answer)
                }
                (_, answer) => answer,
            });
            peers.lies.lock().unwrap().insert(peers.peers[0], forged);
            let error = follower.prove_tariff(&peers, peers.peers[0], GRID).await.unwrap_err();
            assert!(matches!(error, FollowError::Proof(_)) && error.is_lie(), "{error:?}");
        }
    }

    #[test]
    fn the_next_band_begins_by_the_microgrids_own_time() {
        let at = |hour: u64, minute: u64| TimeMs(20_000 * 86_400_000 + (hour * 60 + minute) * MINUTE_MS + 7);
        let bands = [(360, 30, 10), (1320, 12, 4)]; // from 6:00 and from 22:00
        for (offset, now, want) in [
            (0, at(5, 59), at(6, 0)),
            (0, at(6, 0), at(22, 0)),
            (0, at(23, 0), at(30, 0)),
            (120, at(5, 59), at(20, 0)),  // 7:59 there
            (-720, at(5, 59), at(10, 0)), // 17:59 the day before
        ] {
            assert_eq!(next_band(&terms(&bands, offset), now), Some(TimeMs(want.0 - 7)), "{offset} {now}");
        }
        assert_eq!(next_band(&terms(&bands[..1], 0), at(1, 0)), None);
    }
}
