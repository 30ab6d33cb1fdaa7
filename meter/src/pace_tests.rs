use super::*;

const USUAL: Duration = Duration::from_secs(10);

#[test]
fn refusals_double_the_pause_and_progress_shortens_it() {
    let mut pacer = Pacer::default();
    let mut last = Duration::ZERO;
    for (round, want_s) in [4u64, 8, 16, 32, 64, 128, 256, 300, 300].into_iter().enumerate() {
        let want = Duration::from_secs(want_s);
        assert_eq!(pacer.clone().next(Step::Refused, USUAL, 0), want / 2, "round {round}");
        for random in 0..50 {
            let pause = pacer.clone().next(Step::Refused, USUAL, random * 977);
            assert!((want / 2..=want).contains(&pause), "round {round}: {pause:?}");
        }
        last = pacer.next(Step::Refused, USUAL, u64::MAX);
    }
    assert!(last >= Duration::from_secs(150));
    assert_eq!(
        pacer.next(Step::Moved, USUAL, 0),
        Duration::from_millis(112_500),
        "a quarter less, then half"
    );
    assert_eq!(
        pacer.clone().next(Step::Refused, USUAL, 0),
        Duration::from_secs(150),
        "and not from the beginning"
    );
    let shortened = (0..40).take_while(|_| pacer.next(Step::Moved, USUAL, 0) > PAUSE_MIN).count();
    assert!((10..30).contains(&shortened), "{shortened}");
    assert!(pacer.next(Step::Refused, USUAL, 0) <= Duration::from_secs(4), "from the beginning");
}

#[test]
fn only_people_or_bandwidth_make_it_wait_longer_than_between_two_looks() {
    for (step, longest) in [
        (Step::Idle, USUAL),
        (Step::Moved, PAUSE_MIN),
        (Step::Waiting, USUAL),
        (Step::Failed, USUAL),
        (Step::Stuck, PAUSE_MAX),
    ] {
        let mut pacer = Pacer::default();
        let pauses = (0..20).map(|random| pacer.next(step, USUAL, random * 1_000_003));
        assert!(pauses.max() <= Some(longest), "{step:?}");
    }
}

#[test]
fn a_backlog_is_spread_and_a_reading_is_not_kept_waiting() {
    let longest = Duration::from_secs(120);
    assert_eq!(spread(127, longest, 123_456), Duration::ZERO);
    assert!(spread(128, longest, 123_456) <= Duration::from_secs(10));
    let spans: Vec<u64> = (0..1000).map(|r| spread(2880, longest, r * 7919).as_secs()).collect();
    assert!(spans.iter().any(|s| *s < 12) && spans.iter().any(|s| *s > 108), "over the whole span");
    assert!(spans.iter().all(|s| *s <= 120));
}
