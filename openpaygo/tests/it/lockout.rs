//! Lockout as a pure state machine.

use openpaygo::device::{Clock, FREE_ERRORS, Lockout, WAIT_MIN_MAX};

const MIN_MS: u64 = 60_000;

/// A lockout after so many errors in a row, each made as soon as it was open, and the time of the last one.
fn after_errors(errors: u32) -> (Lockout, u64) {
    (0..errors).fold((Lockout::NONE, 0), |(lockout, now_ms), _| {
        let now_ms = now_ms + lockout.wait_ms();
        (lockout.observe(now_ms).after_error(), now_ms)
    })
}

#[test]
fn two_errors_are_free_and_each_more_doubles_the_wait() {
    let minutes = [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512];
    for (errors, want) in (1..).zip(minutes) {
        let (lockout, _) = after_errors(errors);
        assert_eq!(lockout.wait_ms(), want * MIN_MS, "after {errors} errors");
    }
    assert_eq!((FREE_ERRORS, WAIT_MIN_MAX), (2, 512));
    let (lockout, _) = after_errors(1000);
    assert_eq!((lockout.wait_ms(), lockout.errors()), (512 * MIN_MS, u8::MAX), "it counts no further");
}

#[test]
fn a_token_that_is_taken_forgives_all() {
    let (lockout, _) = after_errors(9);
    let lockout = lockout.after_success();
    assert_eq!((lockout.wait_ms(), lockout.errors()), (0, 0));
    assert_eq!(lockout.after_error().after_error().wait_ms(), 0);
}

#[test]
fn a_clock_that_is_set_back_makes_no_time_pass() {
    let (lockout, now_ms) = after_errors(5);
    let set_back = lockout.observe(now_ms + MIN_MS).observe(10).observe(5);
    assert_eq!(set_back.wait_ms(), 7 * MIN_MS);
    assert_eq!(set_back.observe(5 + 6 * MIN_MS).wait_ms(), MIN_MS);
    assert_eq!(set_back.observe(u64::MAX).wait_ms(), 0);
}

#[test]
fn without_a_clock_only_powered_time_counts() {
    let (lockout, now_ms) = after_errors(4); // 4 minutes
    let written = lockout.observe(now_ms + 3 * MIN_MS);
    assert_eq!(written.after_power_on(Clock::Powered, 0).wait_ms(), MIN_MS);
    assert_eq!(
        lockout.after_power_on(Clock::Powered, 0).wait_ms(),
        4 * MIN_MS,
        "what was not written counts again"
    );
    assert_eq!(lockout.after_power_on(Clock::Kept, now_ms + 4 * MIN_MS).wait_ms(), 0);
    // A clock that begins again at a reading beyond the old one is no way out either.
    let later = now_ms + 100 * MIN_MS;
    assert_eq!(lockout.after_power_on(Clock::Powered, later).observe(later + MIN_MS).wait_ms(), 3 * MIN_MS);
}
