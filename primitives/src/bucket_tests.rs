use super::*;
use proptest::prelude::*;

const fn size(rate: u64, capacity: u64) -> BucketSize {
    BucketSize { rate: Weight(rate), capacity: Weight(capacity) }
}

#[test]
fn what_leaks_is_exact_however_often_it_is_polled() {
    let size = size(10, 5);
    let admitted = |step: usize| {
        let mut bucket = Bucket::default();
        (0..60_000).step_by(step).filter(|now| bucket.draw(size, TimeMs(*now), Weight(1)).is_ok()).count()
    };
    assert!((398..=400).contains(&admitted(150)), "{}", admitted(150)); // polled 400 times at 6.67/s, below the rate
    assert_eq!(admitted(1), 5 + 599); // the capacity at once, then exactly one each 100 ms
}

#[test]
fn the_wait_it_names_is_the_least_that_helps() {
    let size = size(7, 20);
    let mut full = Bucket::default();
    assert_eq!(full.draw(size, TimeMs(1000), Weight(20)), Ok(()));
    let wait = full.draw(size, TimeMs(1000), Weight(3)).unwrap_err();
    assert!(full.clone().draw(size, TimeMs(1000 + wait.0 - 1), Weight(3)).is_err());
    assert!(full.clone().draw(size, TimeMs(1000 + wait.0), Weight(3)).is_ok());
    assert_eq!(Bucket::default().draw(size, TimeMs(0), Weight(21)), Err(TimeMs::MAX));
    assert_eq!(full.room(size, TimeMs(1000)), Weight(0));
    assert_eq!(full.room(size, TimeMs(2000)), Weight(7));
}

proptest! {
    /// Nobody is locked out by a rate that falls, and nobody is given a full bucket by one that rises.
    #[test]
    fn a_rate_that_changes_neither_fills_a_bucket_nor_locks_it(
        rates in proptest::collection::vec(1u64..1_000_000, 2..20),
        steps in proptest::collection::vec(0u64..1000, 20),
    ) {
        let (mut bucket, mut now) = (Bucket::default(), 1_800_000_000_000);
        for (rate, step) in rates.into_iter().zip(steps) {
            let size = size(rate, 1000);
            // As of the last draw nothing leaks, whatever the rate is now.
            prop_assert_eq!(bucket.room(size, bucket.at_ms).0, 1000 - bucket.level.div_ceil(1000));
            now += step;
            prop_assert!(bucket.room(size, TimeMs(now + 1000 * 1000 / rate + 1)) == Weight(1000), "empty after its time");
            let room = bucket.room(size, TimeMs(now));
            prop_assert!(bucket.draw(size, TimeMs(now), Weight(room.0 + 1)).is_err());
            prop_assert!(bucket.draw(size, TimeMs(now), room).is_ok());
        }
    }
}

#[test]
fn what_is_owed_leaks_before_anything_fits() {
    let size = size(10, 100);
    let mut bucket = Bucket::default();
    bucket.owe(size, TimeMs(1_000), Weight(150));
    assert_eq!(bucket.room(size, TimeMs(1_000)), Weight(0));
    assert_eq!(bucket.wait(size, TimeMs(1_000), Weight(1)), TimeMs(5_100));
    assert_eq!(bucket.draw(size, TimeMs(6_099), Weight(1)), Err(TimeMs(1)));
    assert_eq!(bucket.draw(size, TimeMs(6_100), Weight(1)), Ok(()));
    assert_eq!(bucket.wait(size, TimeMs(6_100), Weight(101)), TimeMs::MAX);
}
