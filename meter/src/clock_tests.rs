#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

use crate::tests::chain::FixedTime;

const NOW: TimeMs = TimeMs(20_000 * DAY_MS);

fn clock(os_ms: u64, synchronized: bool) -> (Clock, FixedTime) {
    let time = FixedTime::at(os_ms, synchronized);
    (Clock::of(1, Box::new(time.clone())), time)
}

#[test]
fn quality_follows_what_is_known() {
    let (clock, time) = clock(NOW.0, false);
    assert_eq!(clock.stamp(), (NOW, ClockQuality::Unset));
    let ahead = TimeMs(NOW.0 + 3_600_000);
    clock.anchor(ahead, Known::Saved);
    assert_eq!(clock.stamp().1, ClockQuality::Unset);
    assert_eq!(clock.now(), ahead, "the saved head bounds the time from below");
    clock.anchor(ahead, Known::Live);
    time.pass(5);
    assert_eq!(clock.stamp(), (TimeMs(ahead.0 + 5), ClockQuality::Chain));
    clock.anchor(TimeMs(5), Known::Live);
    assert_eq!(clock.chain_time(), Some(TimeMs(ahead.0 + 5)), "an older header does not set it back");
    clock.anchor(TimeMs(ahead.0 + 5), Known::Saved);
    assert_eq!(clock.stamp(), (TimeMs(ahead.0 + 5), ClockQuality::Chain));
    clock.anchor(TimeMs(ahead.0 + 60_000), Known::Saved);
    assert_eq!(clock.stamp(), (TimeMs(ahead.0 + 60_000), ClockQuality::Chain), "a checkpoint after a sleep");
    assert_eq!(self::clock(NOW.0, true).0.stamp(), (NOW, ClockQuality::Synced));
}

#[test]
fn a_clock_in_the_future_has_no_say_once_a_header_was_verified() {
    let in_2038 = NOW.0 + 5_000 * DAY_MS;
    let (clock, time) = clock(in_2038, false);
    clock.anchor(NOW, Known::Saved);
    assert_eq!((clock.now(), clock.os_is_ahead()), (TimeMs(in_2038), None), "nothing else is known");
    clock.distrust(true);
    assert_eq!(clock.now(), NOW, "it was wrong the last time");
    clock.distrust(false);
    clock.anchor(NOW, Known::Vouched);
    assert_eq!((clock.now(), clock.stamp().1), (NOW, ClockQuality::Unset), "an operator's word is no clock");
    clock.anchor(NOW, Known::Live);
    time.pass(1000);
    let later = TimeMs(NOW.0 + 1000);
    assert_eq!((clock.now(), clock.stamp()), (later, (later, ClockQuality::Chain)));
    assert_eq!(clock.os_is_ahead(), Some(true));
}

#[test]
fn a_clock_at_1970_and_one_that_jumps_back_never_set_the_time_back() {
    let (unset, _) = clock(0, false);
    unset.anchor(NOW, Known::Saved);
    assert_eq!(unset.now(), NOW);
    unset.anchor(NOW, Known::Live);
    assert_eq!((unset.now(), unset.os_is_ahead()), (NOW, Some(false)));
    for synchronized in [false, true] {
        let (clock, time) = clock(NOW.0 + 60_000, synchronized);
        clock.anchor(NOW, Known::Live);
        time.pass(1000);
        time.os_ms.store(NOW.0 - DAY_MS, Ordering::Relaxed);
        assert_eq!(clock.now(), TimeMs(NOW.0 + 1000), "synchronized: {synchronized}");
    }
}

#[test]
fn a_clock_that_is_vouched_for_counts() {
    let (clock, _) = clock(NOW.0 + DAY_MS, true);
    clock.distrust(true);
    clock.anchor(NOW, Known::Live);
    assert_eq!((clock.now(), clock.os_is_ahead()), (TimeMs(NOW.0 + DAY_MS), None));
    assert_eq!(Clock::start(true).unwrap().stamp().1, ClockQuality::Synced);
}
