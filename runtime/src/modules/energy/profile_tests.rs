#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use proptest::prelude::*;

fn of(slots: [u64; SLOTS]) -> Profile {
    Profile(BoundedVec::new(slots.map(WattHours).to_vec()).unwrap())
}

/// Interval by interval, as the page says it.
fn plain(profile: &Profile, at: u64, interval: u64) -> u64 {
    let slot = |start: u64| profile.0[(start % DAY_MS / SLOT_MS) as usize].0;
    let whole: u64 = (0..at / interval).map(|n| slot(n * interval)).sum();
    let part = u128::from(slot(at / interval * interval)) * u128::from(at % interval) / u128::from(interval);
    whole + part as u64
}

proptest! {
    #[test]
    fn a_range_is_the_sum_of_its_intervals(
        slots in prop::array::uniform24(0u64..1 << 40),
        divisor in prop::sample::select(vec![1u64, 2, 3, 5, 8, 16, 24, 32, 96, 288, 1440]),
        cuts in prop::collection::vec(0u64..3 * DAY_MS, 2..8),
    ) {
        let (profile, interval) = (of(slots), DAY_MS / divisor);
        let mut cuts = cuts;
        cuts.sort_unstable();
        for at in &cuts {
            prop_assert_eq!(profile.until(TimeMs(*at), TimeMs(interval)), plain(&profile, *at, interval));
        }
        let until = |at: u64| profile.until(TimeMs(at), TimeMs(interval));
        prop_assert!(cuts.windows(2).all(|pair| until(pair[0]) <= until(pair[1])));
    }
}

#[test]
fn the_first_interval_stands_for_all_and_each_moves_its_hour() {
    let mut profile = Profile::default();
    assert_eq!((profile.until(TimeMs(DAY_MS), TimeMs(900_000)), profile.most()), (0, WattHours(0)));
    let learn = |profile: &mut Profile, hour: u64, hours: u64, wh| {
        let from = 9 * DAY_MS + hour * SLOT_MS;
        profile.learn(TimeMs(from), TimeMs(from + hours * SLOT_MS), WattHours(wh));
    };
    learn(&mut profile, 5, 1, 100);
    assert_eq!(profile, of([100; SLOTS]));
    learn(&mut profile, 5, 1, 0);
    let mut want = [100; SLOTS];
    want[5] = 75;
    assert_eq!(profile, of(want));
    // A reading over a night is the average of the hours that it covers, and no others.
    learn(&mut profile, 22, 4, 200);
    [22, 23, 0, 1].into_iter().for_each(|hour| want[hour] = 125);
    assert_eq!(profile, of(want));
    learn(&mut profile, 7, 40 * 24, 0);
    assert!(profile.most() < WattHours(100));
    // Whatever was, it comes to what is.
    for wh in [0, 3, 1] {
        (0..60).for_each(|_| learn(&mut profile, 0, 24, wh));
        assert_eq!(profile, of([wh; SLOTS]));
    }
}
