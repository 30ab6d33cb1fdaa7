#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use wattle_primitives::{SecretKey, Validator, VotingPower};

const HEADER: TimeMs = TimeMs(1_800_000_000_000);
const SKEW_MS: u64 = 10_000;
/// The time that another is carried on from.
const BASE: TimeMs = TimeMs(HEADER.0 - SKEW_MS);
/// The monotonic clock at the start.
const START: MonoMs = MonoMs(5);
const DAY_MS: u64 = 24 * BEHIND_MS_MAX;

fn key(n: u8) -> PublicKey {
    SecretKey::from_seed([n; 32]).public()
}

/// Validators 1, 2, and so on, of these powers.
fn set(powers: &[u64]) -> ValidatorSet {
    let member = |(n, power): (u8, &u64)| Validator { key: key(n), power: VotingPower(*power) };
    ValidatorSet::new((1..).zip(powers).map(member).collect()).unwrap()
}

fn clock() -> Clock {
    Clock::new(HEADER, SKEW_MS, START)
}

fn later(time: TimeMs, ms: u64) -> TimeMs {
    TimeMs(time.0 + ms)
}

#[test]
fn a_clock_at_most_an_hour_behind_is_believed_at_the_start_and_one_further_behind_is_not() {
    // os clock at the start, whether the time is carried
    let table = [
        (later(HEADER, DAY_MS), false),
        (HEADER, false),
        (BASE, false),
        (TimeMs(BASE.0 - 1), false),
        (TimeMs(BASE.0 - BEHIND_MS_MAX), false),
        (TimeMs(BASE.0 - BEHIND_MS_MAX - 1), true),
        (TimeMs(0), true),
    ];
    for (os, carried) in table {
        let mut clock = clock();
        let want = if carried { BASE } else { os };
        assert_eq!((clock.read(START, os), clock.is_carried()), (want, carried), "{os}");
    }
}

#[test]
fn without_a_clock_the_time_goes_on_from_the_skew_before_the_last_block() {
    let mut clock = clock();
    for ms in [0, 1, 700, DAY_MS] {
        assert_eq!(clock.read(START.after(ms), TimeMs(ms)), later(BASE, ms));
    }
}

#[test]
fn a_clock_is_believed_for_good_once_it_has_been_set() {
    let mut clock = clock();
    assert_eq!(clock.read(START, TimeMs(0)), BASE);
    // An hour behind and not more: set, and now the outage counts too or what was carried too far is given back.
    let set_ms = TimeMs(BASE.0 + 100 - BEHIND_MS_MAX);
    assert_eq!(clock.read(START.after(100), set_ms), set_ms);
    assert!(!clock.is_carried());
    assert_eq!(
        clock.read(START.after(200), TimeMs(7)),
        TimeMs(7),
        "no second thoughts before the next start"
    );
}

#[test]
fn a_carried_time_is_raised_to_what_more_than_a_third_of_the_power_says_at_least() {
    let day = |n: u64| later(HEADER, n * DAY_MS);
    // powers, what the first of them say, what is believed of it
    let table: [(&[u64], &[TimeMs], Option<TimeMs>); 9] = [
        (&[1, 1, 1, 1], &[day(9)], None),
        (&[1, 1, 1, 1], &[day(9), day(1)], Some(day(1))),
        (&[1, 1, 1, 1], &[day(1), day(2), day(9)], Some(day(2))),
        (&[1, 1, 1], &[day(9)], None),
        (&[1, 1, 1], &[day(9), day(1)], Some(day(1))),
        (&[2, 2, 1, 1], &[day(9)], None),
        (&[3, 2, 1, 2], &[day(9), day(1)], Some(day(9))),
        (&[1, 1, 1, 1], &[TimeMs::MAX, TimeMs::MAX, day(1)], Some(TimeMs::MAX)), // a third is bad: nothing holds
        (&[1, 1, 1, 1], &[TimeMs(0), TimeMs(1), TimeMs(2), TimeMs(3)], None),
    ];
    for (powers, said, want) in table {
        let (set, mut clock) = (set(powers), clock());
        clock.read(START, TimeMs(0));
        for (n, time) in (1..).zip(said) {
            clock.told(key(n), *time, START, &set);
        }
        assert_eq!(clock.read(START, TimeMs(0)), want.unwrap_or(BASE), "{powers:?} {said:?}");
    }
}

#[test]
fn a_carried_time_is_raised_to_the_skew_before_what_is_final_and_a_believed_one_is_not() {
    let (mut clock, final_ms) = (clock(), later(HEADER, DAY_MS));
    clock.read(START, TimeMs(0));
    clock.finalized(final_ms, START);
    assert_eq!(clock.read(START, TimeMs(0)), TimeMs(final_ms.0 - SKEW_MS));
    clock.finalized(HEADER, START.after(1));
    assert_eq!(clock.read(START.after(1), TimeMs(1)), TimeMs(final_ms.0 - SKEW_MS + 1), "never lowered");
    assert_eq!(clock.read(START.after(2), final_ms), final_ms);
    clock.finalized(later(final_ms, DAY_MS), START.after(2));
    assert_eq!(clock.read(START.after(2), final_ms), final_ms);
}

#[test]
fn what_others_say_ages_by_the_own_monotonic_clock_and_is_forgotten() {
    let (set, day) = (set(&[1, 1, 1, 1]), later(HEADER, DAY_MS));
    let told = |gap_ms: u64| {
        let mut clock = clock();
        clock.read(START, TimeMs(0));
        clock.told(key(1), day, START, &set);
        clock.told(key(2), later(day, DAY_MS), START.after(gap_ms), &set);
        clock.read(START.after(gap_ms), TimeMs(0))
    };
    let last = REPORT_AGE_MS_MAX - 1;
    assert_eq!(told(last), later(day, last));
    assert_eq!(told(REPORT_AGE_MS_MAX), later(BASE, REPORT_AGE_MS_MAX));
}

#[test]
fn strangers_and_those_who_have_left_the_set_do_not_count() {
    let (before, after, day) = (set(&[1, 1, 1, 1]), set(&[1, 1, 1]), later(HEADER, DAY_MS));
    let mut clock = clock();
    clock.read(START, TimeMs(0));
    for stranger in 50..60 {
        clock.told(key(stranger), day, START, &before);
    }
    clock.told(key(4), day, START, &before);
    assert_eq!(clock.read(START, TimeMs(0)), BASE);
    clock.told(key(1), day, START, &after);
    assert_eq!(clock.read(START, TimeMs(0)), BASE, "4 has left");
    assert_eq!(clock.carried.map(|c| c.reports.len()), Some(1), "what does not count is not kept");
}

#[test]
fn nobody_talks_a_clock_that_is_believed_into_another_time() {
    let (set, mut clock) = (set(&[1, 1, 1, 1]), clock());
    assert_eq!(clock.read(START, HEADER), HEADER);
    for n in 1..=4 {
        clock.told(key(n), later(HEADER, DAY_MS), START, &set);
    }
    assert_eq!(clock.read(START, HEADER), HEADER);
}
