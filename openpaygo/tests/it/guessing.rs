//! Guessing: how often it succeeds, and how long it takes on a device that locks out, with reboots between.

use crate::random::{Random, seed};
use openpaygo::device::{Applied, Clock, NotEvaluated, State};
use openpaygo::{Command, Count, Device, Format, Keypad, Outcome, Profile, Secret, Token, encode};

/// A token of one value that somebody makes up: the base is the value's, the rest is drawn.
fn guess(random: &mut Random, base: u64) -> Token {
    let digits = format!("{:06}{base:03}", random.below(1_000_000));
    Token::parse(&digits, Keypad::Full).unwrap()
}

/// The base of each value is the value: other starting codes only turn them round.
fn secret(key: [u8; 16]) -> Secret {
    Secret::new(key, Some(123_456_000)).unwrap()
}

/// A device on which only what is ahead is open, as after any SET: 64 counts of 10^6 prefixes take a guess.
fn device(random: &mut Random) -> (Device, [u8; 16]) {
    let key = random.key();
    let set = Command::Set { value: 1 };
    let set = encode(&secret(key), Profile::Own, set, Count(20), Format::STANDARD).unwrap();
    let mut device = Device::new(secret(key), State::new(Count(20)));
    let applied = device.apply(set.token, 0).unwrap();
    device.commit(applied.state);
    (device, key)
}

#[test]
fn unthrottled_guesses_succeed_as_often_as_theory_says() {
    let mut random = Random(seed());
    let (device, _) = device(&mut random);
    let base = random.below(996); // other values are reserved, or mean something at one parity only
    let tries: u32 = 1_000_000;
    let mut hits = 0;
    for _ in 0..tries {
        // Nothing is committed, so the lockout of a device that was never told counts nothing.
        let token = guess(&mut random, base);
        hits +=
            u32::from(matches!(device.apply(token, 0), Ok(Applied { outcome: Outcome::Credit { .. }, .. })));
    }
    let p = 64e-6;
    let (mean, deviation) = (f64::from(tries) * p, (f64::from(tries) * p * (1.0 - p)).sqrt());
    println!("{hits} of {tries} guesses hit; theory says {mean} +- {deviation:.1}");
    assert!((f64::from(hits) - mean).abs() < 5.0 * deviation, "{hits} hits of {mean} expected");
}

#[test]
fn a_device_that_is_guessed_at_with_reboots_stays_locked() {
    let mut random = Random(seed());
    for clock in [Clock::Kept, Clock::Powered] {
        let (mut device, key) = device(&mut random);
        let (mut now_ms, mut evaluated, mut refused) = (0u64, 0u64, 0u64);
        let year_ms = 365 * 86_400_000;
        let mut powered_ms = 0; // since the last power-on
        while now_ms < year_ms && evaluated < 2_000 {
            let reading = if clock == Clock::Kept { now_ms } else { powered_ms };
            match device.apply(guess(&mut random, 7), reading) {
                Ok(applied) if applied.outcome == Outcome::Invalid => {
                    evaluated += 1;
                    device.commit(applied.state);
                }
                Ok(_) => break, // a hit: 64 in 10^6
                Err(NotEvaluated::Locked { .. }) => refused += 1,
                Err(NotEvaluated::Extended) => panic!("it is a standard token"),
            }
            // Some wait for hours, some pull the plug at once.
            let passed = random.below(60) * 60_000;
            (now_ms, powered_ms) = (now_ms + passed, powered_ms + passed);
            if random.below(3) == 0 {
                let reading = if clock == Clock::Kept { now_ms } else { powered_ms };
                let mut state = device.state();
                state.lockout = state.lockout.observe(reading);
                let bytes = device.state_bytes(state);
                let mut state = State::from_bytes(&secret(key), &bytes).unwrap();
                powered_ms = 0;
                let reading = if clock == Clock::Kept { now_ms } else { 0 };
                state.lockout = state.lockout.after_power_on(clock, reading);
                device = Device::new(secret(key), state);
            }
        }
        // 2 free, then 2 + 4 + .. + 256 minutes for eight, then one in 512 minutes.
        let most = 2 + 8 + 1 + now_ms / (512 * 60_000);
        println!(
            "{clock:?}: {evaluated} guesses were looked at in {} days, {refused} not",
            now_ms / 86_400_000
        );
        assert!(evaluated <= most, "{evaluated} guesses, at most {most}");
        assert!(refused > evaluated, "most were not looked at");
    }
    let years = 512.0 / 64e-6 / (365.25 * 24.0 * 60.0);
    let minutes = 1.0 / 64e-6 / 100.0 / 60.0;
    println!(
        "time to break: {years:.1} years at one guess in 512 minutes; without lockout, at 100/s, {minutes:.1} minutes"
    );
    assert!(years > 10.0 && minutes < 5.0);
}
