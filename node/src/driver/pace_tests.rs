use super::*;

/// Kilobytes a second that 64 kbit/s carry.
const BYTES_PER_MS: u64 = 8;
/// Both ways.
const LATENCY_MS: u64 = 600;

fn takes_ms(bytes: u64) -> u64 {
    LATENCY_MS + bytes / BYTES_PER_MS
}

#[test]
fn a_narrow_link_is_asked_for_what_it_carries_in_some_seconds() {
    let mut pace = Pace::default();
    assert!(takes_ms(u64::from(pace.bytes())) < pace.patience_ms(), "the first question is answered in time");
    for _ in 0..20 {
        let bytes = u64::from(pace.bytes());
        let took = takes_ms(bytes);
        assert!((1_000..6_000).contains(&took) && took < pace.patience_ms(), "{pace:?}: {took} ms");
        pace.answered(pace.bytes(), bytes, took);
    }
    // The link is shared by four for a while, and answers come four times as late.
    for _ in 0..20 {
        let (asked, bytes) = (pace.bytes(), u64::from(pace.bytes()));
        let took = takes_ms(4 * bytes);
        if took > pace.patience_ms() {
            pace.give_up(asked);
        }
        pace.answered(asked, bytes, took);
    }
    assert!(takes_ms(4 * u64::from(pace.bytes())) <= 6_000, "{pace:?}");
}

#[test]
fn a_fast_link_is_soon_asked_for_full_answers_and_silence_on_it_is_noticed_soon() {
    let mut pace = Pace::default();
    for _ in 0..10 {
        let bytes = u64::from(pace.bytes());
        pace.answered(pace.bytes(), bytes, 2 + bytes / 10_000);
    }
    assert_eq!(pace.bytes(), BYTES_MAX);
    assert!(pace.patience_ms() < 6_000, "{pace:?}");
    let mut follower = Pace::default();
    follower.answered(follower.bytes(), 700, 3);
    assert!(
        follower.patience_ms() < 4_000,
        "one small answer has shown that the link is no narrow one: {follower:?}"
    );
}

#[test]
fn patience_doubles_while_nothing_comes_and_an_answer_ends_it() {
    let mut pace = Pace::default();
    let first = pace.patience_ms();
    for _ in 0..20 {
        pace.give_up(pace.bytes());
    }
    assert_eq!((pace.bytes(), pace.patience_ms()), (BYTES_MIN, PATIENCE_MS_MAX));
    pace.answered(BYTES_MIN, u64::from(BYTES_MIN), takes_ms(u64::from(BYTES_MIN)));
    assert!(pace.given_up() == 0 && pace.patience_ms() < first, "{pace:?}");
}

#[test]
fn an_answer_that_took_long_ends_no_patience() {
    let mut pace = Pace::default();
    pace.give_up(pace.bytes());
    pace.answered(pace.bytes(), 1_024, SLOW_MS + 1);
    assert_eq!(pace.given_up(), 1, "drips are no reason to ask first whoever lets them fall");
    pace.answered(pace.bytes(), 1_024, SLOW_MS);
    assert_eq!(pace.given_up(), 0);
}

#[test]
fn who_brings_a_large_block_goes_on_alone_while_it_keeps_up() {
    let keeps_up = |ms: u64, bytes_per_s: u64| {
        let bytes = usize::try_from(bytes_per_s * ms / 1_000).unwrap_or(usize::MAX);
        Progress { since: MonoMs(1_000), bytes }.keeps_up(MonoMs(1_000 + ms))
    };
    let table = [
        (0, 0, true),
        (20_000, 0, true),
        (21_000, 1_024, false),
        (21_000, 4 * 1024, true),
        (131_000, 7 * 1024, true), // 1 MiB at 64 kbit/s and 300 ms
        (300_000, 7 * 1024, true),
        (301_000, 1024 * 1024, false),
    ];
    for (ms, bytes_per_s, want) in table {
        assert_eq!(keeps_up(ms, bytes_per_s), want, "{bytes_per_s} bytes a second for {ms} ms");
    }
}
