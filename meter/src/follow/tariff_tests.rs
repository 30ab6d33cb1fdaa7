#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::clock::Clock;
use crate::tests::chain::{FixedTime, Lie, SEEDS, State, TestChain, TestPeers, altered};
use std::sync::Arc;
use wattle_p2p::wire::{Request, Response};
use wattle_primitives::call::energy::{ClearingRule, Fees, LossRule, TariffBand};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, BookId, BoundedBytes, BoundedVec, Epoch};

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
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

/// A microgrid with these versions of terms, each with the interval that it begins with.
pub(crate) fn with_terms(mut state: State, versions: &[(u64, Terms)]) -> State {
    let record = MicrogridRecord {
        operator: Address([9; 32]),
        asset: AssetId(3),
        interval_ms: TimeMs(INTERVAL_MS),
        meters: 1,
        book: BookId([1; 16]),
        members: 1,
        ordered: IntervalId(0),
        terms: u32::try_from(versions.len()).unwrap(),
        left: 0,
        agenda: None,
        pause: None,
        month: 0,
    };
    state.insert(state_key::microgrid(&GRID).to_vec(), wattle_primitives::encode(&record));
    for (version, (from, terms)) in (0..).zip(versions) {
        let record = TermsRecord { from: IntervalId(*from), set_ms: TimeMs(0), terms: terms.clone() };
        state.insert(state_key::terms(&GRID, version).to_vec(), wattle_primitives::encode(&record));
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
        wattle_primitives::encode(&TermsRecord {
            from: IntervalId(0),
            set_ms: TimeMs(0),
            terms: cheap.clone(),
        }),
        with_terms(State::new(), &[(0, honest.clone()), (0, cheap)])[&*state_key::microgrid(&GRID)].clone(),
    ] {
        let is_terms = record.first_chunk::<8>() == Some(&[0; 8]);
        let (peers, mut follower) = bench(&[(0, honest.clone())]);
        let forged: Lie = Box::new(move |_, request, answer| match (request, answer) {
            (Request::Proof { keys, .. }, Response::Proof(answer))
                if (keys[0][0] == state_key::TERMS) == is_terms =>
            {
                altered(answer, |proven| {
                    proven.value = Some(BoundedBytes::new(record.clone()).unwrap());
                })
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
