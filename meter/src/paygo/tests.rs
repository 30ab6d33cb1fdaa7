#![expect(clippy::unwrap_used, reason = "tests")]

use super::device::ADVANCE_MS;
use super::*;
use crate::tests::chain::memory_dir;
use crate::tests::paygo::{
    DEVICE, KEY, RAW_WH, STARTING_CODE, add, device as on_chain, redeem, secret, token, with_device,
};
use openpaygo::Command;
use openpaygo::device::Lockout;
use std::path::Path;
use wattle_primitives::call::paygo::{Token, TokenKind};
use wattle_primitives::state_key::BalanceRecord;
use wattle_primitives::{Address, PublicKey, SecretKey, TimeMs};

const METER: Address = Address([5; 32]);
const START: TimeMs = TimeMs(1_700_000_000_000);
const MIN_MS: u64 = 60_000;
const FILE: &str = "paygo.json";

fn rules() -> Rules {
    Rules {
        device: DEVICE,
        unit: Unit::WattHours,
        unit_size: RAW_WH,
        divider: 1,
        keypad: Keypad::Full,
        count: Count(1),
        low: 500,
        grace: 0,
        offline_grant: 0,
    }
}

fn days() -> Rules {
    Rules { unit: Unit::Time, unit_size: 86_400_000, ..rules() }
}

fn open(dir: &Path, rules: Rules) -> Paygo {
    Paygo::open(dir, rules, secret(), Look::default()).unwrap()
}

fn at(uptime_ms: u64) -> Look {
    Look { uptime_ms, ..Look::default() }
}

fn shows(wh: u64) -> Look {
    Look { import: Some((METER, WattHours(wh))), ..Look::default() }
}

fn is_taken(answer: &Answer) -> bool {
    matches!(answer, Answer::Taken { .. })
}

fn type_in(paygo: &mut Paygo, digits: &str, look: Look) -> Answer {
    paygo.take(digits, look, None).unwrap()
}

fn key() -> PublicKey {
    SecretKey::from_seed([3; 32]).public()
}

/// An event at a device, in which the power may fail.
#[derive(Clone, Debug)]
enum Act {
    /// A customer types a token until the device has answered.
    Type(String),
    /// An operator types it on the computer.
    Order(String),
    /// The meter shows so much.
    Shows(u64),
    /// The chain is proven to have the first of what waits.
    Reported,
}

/// Where the power fails at a write.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Nothing of it is on the disk.
    Before,
    /// A part of the new file lies beside the old one.
    Torn,
    /// All of it is on the disk; nobody has heard of it.
    After,
}

/// Goal: power cut at every step of a redemption: never credited twice, never lost.
#[test]
fn the_power_fails_at_every_write_and_each_token_counts_once() {
    let [(ten, _), (set, _), (late, _), (last, _)] = [
        add(10, 1),                           // count 2
        token(Command::Set { value: 30 }, 2), // count 3
        add(5, 3),                            // count 4
        add(7, 4),                            // count 6
    ];
    let acts = [
        Act::Shows(1_000),
        Act::Type(ten),
        Act::Shows(1_250),
        Act::Type("123123123".to_owned()),
        Act::Order(set),
        Act::Reported,
        Act::Shows(1_999),
        Act::Type(last), // the later one first
        Act::Order(late),
        Act::Shows(2_300),
        Act::Reported,
    ];
    let whole = lives(&acts, None);
    assert_eq!(whole.credit_wh, 3_000 + 1_200 - 1_100, "drawn since the token that set: {whole:?}");
    assert_eq!(whole.waiting, [6, 4], "two are reported");
    for cut_at in 0..acts.len() {
        for cut in [Cut::Before, Cut::Torn, Cut::After] {
            assert_eq!(lives(&acts, Some((cut_at, cut))), whole, "cut {cut:?} at {:?}", acts[cut_at]);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct End {
    credit_wh: u64,
    waiting: Vec<u32>,
    count: u32,
    errors: u8,
}

/// One life of a device, cut off once.
fn lives(acts: &[Act], cut: Option<(usize, Cut)>) -> End {
    let dir = memory_dir();
    let file = dir.path().join(FILE);
    let mut state = with_device(crate::tests::chain::State::new(), key());
    let mut paygo = open(dir.path(), rules());
    paygo.tick(at(0)).unwrap();
    for (number, act) in acts.iter().enumerate() {
        let before = std::fs::read(&file).unwrap();
        let id = Hash([number as u8; 32]);
        do_act(dir.path(), &mut paygo, &mut state, act, id);
        let Some((_, cut)) = cut.filter(|(at, _)| *at == number) else { continue };
        let after = std::fs::read(&file).unwrap();
        drop(paygo);
        match cut {
            Cut::Before => std::fs::write(&file, &before).unwrap(),
            Cut::Torn => {
                std::fs::write(&file, &before).unwrap();
                let draft = dir.path().join(format!("{FILE}.0123456789abcdef.new"));
                std::fs::write(draft, &after[..after.len() / 2]).unwrap();
            }
            Cut::After => {}
        }
        paygo = open(dir.path(), rules());
        // Nobody has heard of it: it is done once more.
        match act {
            Act::Type(_) | Act::Shows(_) | Act::Order(_) => {
                do_act(dir.path(), &mut paygo, &mut state, act, id);
            }
            Act::Reported => prove(&mut paygo, &state),
        }
    }
    let tokens = paygo.device.state();
    let waiting = paygo.state.waiting.iter().map(|redeemed| redeemed.token.count).collect();
    let (count, errors) = (tokens.window.last().0, tokens.lockout.errors());
    End { credit_wh: paygo.state.credit.left, waiting, count, errors }
}

fn do_act(dir: &Path, paygo: &mut Paygo, state: &mut crate::tests::chain::State, act: &Act, id: Hash) {
    match act {
        Act::Type(digits) => drop(type_in(paygo, digits, at(0))),
        Act::Order(digits) => {
            // As the loop obeys it.
            order::give(dir, &order::Order { id, digits: digits.clone() }).unwrap();
            let order::Order { id, digits } = order::waiting(dir).unwrap();
            if !paygo.has_answered(&id) {
                assert!(is_taken(&paygo.take(&digits, at(0), Some(id)).unwrap()));
            }
            assert!(is_taken(&answered(dir).unwrap().1), "whoever gave it reads what came of it");
            order::done(dir).unwrap();
            assert!(!order::is_given(dir));
        }
        Act::Shows(wh) => {
            paygo.tick(shows(*wh)).unwrap();
            paygo.keep(paygo.state.clone(), paygo.device.state()).unwrap(); // at once, not within a minute
        }
        Act::Reported => {
            let first = paygo.state.waiting[0].token;
            assert!(redeem(state, &first), "{first:?}");
            prove(paygo, state);
        }
    }
}

fn prove(paygo: &mut Paygo, state: &crate::tests::chain::State) {
    let (record, balance) = on_chain(state);
    paygo.learn(&Proven { record, balance }, &key()).unwrap();
}

/// A disk that refuses: the token is not spent, and counts once when it is typed again.
#[test]
fn a_token_that_cannot_be_kept_is_not_spent() {
    let dir = memory_dir();
    let home = dir.path().join("data");
    std::fs::create_dir(&home).unwrap();
    let mut paygo = open(&home, rules());
    let (digits, _) = add(10, 1);
    std::fs::rename(&home, dir.path().join("gone")).unwrap();
    for _ in 0..3 {
        paygo.take(&digits, at(0), None).unwrap_err();
        assert_eq!((paygo.state.credit.left, paygo.supplies()), (0, false));
    }
    std::fs::rename(dir.path().join("gone"), &home).unwrap();
    assert!(is_taken(&type_in(&mut paygo, &digits, at(0))));
    assert_eq!(type_in(&mut paygo, &digits, at(0)), Answer::AlreadyUsed);
    assert_eq!((paygo.state.credit.left, paygo.supplies()), (1_000, true));
    assert_eq!(open(&home, rules()).state, paygo.state, "and it is on the disk");
}

#[test]
fn what_changes_nothing_is_not_written() {
    let dir = memory_dir();
    let mut paygo = open(dir.path(), rules());
    let (digits, _) = add(1, 1);
    assert!(is_taken(&type_in(&mut paygo, &digits, at(0))));
    paygo.take_written();
    assert_eq!(type_in(&mut paygo, &digits, at(0)), Answer::AlreadyUsed);
    for nonsense in ["", "12345678", "1234567890", "abc", "662-486-790", "1234567890123"] {
        let answer = type_in(&mut paygo, nonsense, at(0));
        assert!(matches!(answer, Answer::NotAToken { .. }), "{nonsense:?}: {answer:?}");
    }
    assert_eq!(paygo.take_written(), 0);
    for locked_ms in [0, 0, 2 * MIN_MS] {
        assert_eq!(type_in(&mut paygo, "111 222 333", at(0)), Answer::Invalid { locked_ms });
    }
    assert!(paygo.take_written() > 0);
    let (good, _) = add(1, 2);
    assert_eq!(type_in(&mut paygo, &good, at(MIN_MS)), Answer::Locked { locked_ms: MIN_MS });
    assert_eq!(paygo.take_written(), 0, "what is not looked at costs nothing");
    assert!(is_taken(&type_in(&mut paygo, &good, at(2 * MIN_MS))));
}

#[test]
fn a_damaged_state_or_anothers_is_not_gone_on_from() {
    let dir = memory_dir();
    let mut paygo = open(dir.path(), rules());
    assert!(is_taken(&type_in(&mut paygo, &add(1, 1).0, at(0))));
    drop(paygo);
    let file = dir.path().join(FILE);
    let whole = std::fs::read(&file).unwrap();
    let fails = |rules: Rules, secret| Paygo::open(dir.path(), rules, secret, Look::default()).is_err();
    for byte in [0, 70, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        std::fs::write(&file, damaged).unwrap();
        assert!(fails(rules(), secret()), "byte {byte}");
    }
    std::fs::write(&file, &whole).unwrap();
    assert!(fails(Rules { device: Hash([1; 32]), ..rules() }, secret()));
    assert!(fails(rules(), openpaygo::Secret::new([1; 16], None).unwrap()));
    assert!(!fails(rules(), secret()));
}

/// Goal: whoever guesses, pulls the plug and waits, with a clock or without, gets no more looks than the lockout
/// allows for the time that counts.
#[test]
fn guessing_with_reboots_gets_no_more_looks_than_the_lockout_allows() {
    const DAYS: u64 = 7;
    for with_clock in [true, false] {
        let dir = memory_dir();
        let mut seed = 11u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut paygo = open(dir.path(), rules());
        let (mut now_ms, mut begun_ms, mut powered_ms, mut looks, mut reboots) =
            (0u64, 0u64, 0u64, 0u64, 0u64);
        while now_ms < DAYS * 24 * 60 * MIN_MS {
            let clock = with_clock.then(|| TimeMs(START.0 + now_ms));
            let look = Look { uptime_ms: now_ms - begun_ms, clock, ..Look::default() };
            paygo.tick(look).unwrap();
            loop {
                let guess = format!("{:09}", random(1_000_000_000));
                match type_in(&mut paygo, &guess, look) {
                    Answer::Invalid { .. } => looks += 1,
                    Answer::Locked { .. } => break,
                    other => panic!("{other:?} by chance: take another seed"),
                }
            }
            let step_ms = MIN_MS / 2 + random(MIN_MS);
            if random(20) == 0 {
                reboots += 1;
                drop(paygo);
                now_ms += random(30) * MIN_MS; // off
                begun_ms = now_ms;
                paygo = open(dir.path(), rules());
            } else {
                now_ms += step_ms;
                powered_ms += step_ms;
            }
        }
        let counted_ms = if with_clock { now_ms } else { powered_ms };
        let mut allowed = 0;
        let (mut lockout, mut ideal_ms) = (Lockout::NONE, 0);
        while ideal_ms <= counted_ms {
            allowed += 1;
            lockout = lockout.observe(ideal_ms).after_error();
            ideal_ms += lockout.wait_ms();
        }
        // Of the million tokens of a value, 64 at most are taken.
        let years = 1_000_000 / 64 * 512 / 60 / 24 / 365;
        println!(
            "clock {with_clock}: {looks} looks in {DAYS} d, {reboots} reboots; a hit takes {years} years on average"
        );
        assert!(looks <= allowed, "{looks} of {allowed}");
        assert!(looks * 10 >= allowed * 7, "and the lockout ends: {looks} of {allowed}");
    }
}

#[test]
fn energy_is_drawn_from_the_counter_and_the_supply_ends_at_zero() {
    let dir = memory_dir();
    let mut paygo = open(dir.path(), Rules { grace: 300, offline_grant: 1_000, ..rules() });
    let online = |wh: u64| Look { online: true, ..shows(wh) };
    paygo.tick(online(50_000)).unwrap();
    assert!(!paygo.supplies(), "no grace before the first token");
    assert!(is_taken(&type_in(&mut paygo, &add(10, 1).0, online(50_000))));
    // (counter, online, left, over, supplies)
    let rows = [
        (50_099, true, 1_000, 0, true),
        (50_100, true, 900, 0, true),
        (50_650, true, 400, 0, true),
        (50_999, true, 100, 0, true),
        (51_000, true, 0, 0, true), // grace
        (51_250, true, 0, 200, true),
        (51_300, true, 0, 300, false),
        (51_300, false, 0, 300, true), // nobody can be asked for a token
        (52_250, false, 0, 1_200, true),
        (52_300, false, 0, 1_300, false),
        (52_300, true, 0, 1_300, false),
    ];
    for (row, (shown, is_online, left, over, supplies)) in rows.into_iter().enumerate() {
        paygo.tick(Look { online: is_online, ..shows(shown) }).unwrap();
        let credit = paygo.state.credit;
        assert_eq!((credit.left, credit.over, paygo.supplies()), (left, over, supplies), "row {row}");
        assert_eq!(paygo.status().low, left <= 500, "row {row}");
    }
    assert!(is_taken(&type_in(&mut paygo, &add(2, 2).0, online(52_300))));
    assert_eq!(
        (paygo.state.credit.left, paygo.status().over),
        (200, 0),
        "what was beyond is not taken again"
    );
    let disable = token(Command::Disable, 4).0;
    assert!(is_taken(&type_in(&mut paygo, &disable, online(52_300))));
    paygo.tick(online(99_999)).unwrap();
    assert!(paygo.supplies() && paygo.status().credit.unlocked);
    let set = token(Command::Set { value: 1 }, 5).0;
    assert!(is_taken(&type_in(&mut paygo, &set, online(99_999))));
    paygo.tick(online(100_050)).unwrap();
    assert_eq!(paygo.state.credit.left, 100, "what an unlocked device used is not drawn");
    let cut_off = token(Command::Set { value: 0 }, 7).0;
    assert!(is_taken(&type_in(&mut paygo, &cut_off, online(100_050))));
    assert!(!paygo.supplies(), "no grace after a cut-off");
}

/// Goal: days count as the clock says where it is known, else with power; and no plug that is pulled in time, day after
/// day, makes them last.
#[test]
fn days_count_with_a_clock_and_without_and_a_pulled_plug_gains_nothing() {
    const HOUR_MS: u64 = 60 * MIN_MS;
    let dir = memory_dir();
    let clocked = |uptime_ms, since_ms| Look { clock: Some(TimeMs(START.0 + since_ms)), ..at(uptime_ms) };
    let mut paygo = open(dir.path(), days());
    paygo.tick(clocked(0, 0)).unwrap();
    assert!(is_taken(&type_in(&mut paygo, &add(1, 1).0, clocked(0, 0))));
    assert_eq!(paygo.status().active_until_ms, Some(TimeMs(START.0 + 24 * HOUR_MS)));
    drop(paygo);
    let mut paygo = open(dir.path(), days()); // six hours without power
    paygo.tick(clocked(0, 6 * HOUR_MS)).unwrap();
    assert_eq!(paygo.left().ms, Some(18 * HOUR_MS));
    assert_eq!(paygo.status().active_until_ms, Some(TimeMs(START.0 + 24 * HOUR_MS)), "as before");
    paygo.tick(clocked(HOUR_MS, 24 * HOUR_MS)).unwrap();
    assert!(!paygo.supplies());
    assert!(is_taken(&type_in(&mut paygo, &add(1, 2).0, clocked(HOUR_MS, 30 * HOUR_MS))));
    assert_eq!(paygo.left().ms, Some(24 * HOUR_MS), "a token begins now, not when the last one ended");
    drop(paygo);

    // Without a clock, plugged in for four minutes at a time.
    let mut starts = 0;
    loop {
        let mut paygo = open(dir.path(), days());
        paygo.tick(at(0)).unwrap();
        if !paygo.supplies() {
            break;
        }
        starts += 1;
        paygo.tick(at(4 * MIN_MS)).unwrap();
    }
    assert_eq!(starts, 24 * HOUR_MS / ADVANCE_MS, "each start pays for its five minutes in advance");
    let mut paygo = open(dir.path(), days());
    paygo.tick(at(0)).unwrap();
    assert!(is_taken(&type_in(&mut paygo, &add(1, 4).0, at(0))));
    let mut uptime_ms = 0;
    while paygo.supplies() {
        uptime_ms += MIN_MS;
        paygo.tick(at(uptime_ms)).unwrap();
    }
    assert_eq!(uptime_ms, 24 * HOUR_MS, "with power all the time, all of it");
}

/// Counts that the chain has used and the device has not, and what becomes of them.
#[test]
fn a_token_redeemed_elsewhere_gives_credit_once() {
    let dir = memory_dir();
    let mut state = with_device(crate::tests::chain::State::new(), key());
    let mut paygo = open(dir.path(), rules());
    paygo.tick(shows(1_000)).unwrap();
    prove(&mut paygo, &state);
    let named = |kind, count, value| Token { count, kind, value };

    // Typed here, and reported by the operator: the chain needs no second report, and the device no second credit.
    assert!(is_taken(&type_in(&mut paygo, &add(10, 1).0, shows(1_000))));
    assert!(redeem(&mut state, &named(TokenKind::Add, 2, 10)));
    prove(&mut paygo, &state);
    assert_eq!((paygo.state.credit.left, paygo.state.waiting.len()), (1_000, 0));

    // Reported by a gateway, and typed later.
    assert!(redeem(&mut state, &named(TokenKind::Add, 4, 20)));
    for _ in 0..3 {
        prove(&mut paygo, &state);
        assert_eq!(paygo.state.credit.left, 3_000, "once, however often it is proven");
    }
    assert_eq!(type_in(&mut paygo, &add(20, 2).0, shows(1_000)), Answer::AlreadyUsed);

    // One of each at once: the device has 6, the chain 8 and then 6 too.
    assert!(is_taken(&type_in(&mut paygo, &add(5, 4).0, shows(1_000))));
    assert!(redeem(&mut state, &named(TokenKind::Add, 8, 40)));
    assert!(redeem(&mut state, &named(TokenKind::Add, 6, 5)));
    prove(&mut paygo, &state);
    assert_eq!((paygo.state.credit.left, paygo.state.waiting.len()), (7_500, 0));
    let reopened = open(dir.path(), rules());
    assert_eq!((reopened.state, reopened.device.state()), (paygo.state.clone(), paygo.device.state()));

    // A cut-off that only the chain knows waits for what it does not know yet.
    assert!(is_taken(&type_in(&mut paygo, &add(3, 8).0, shows(1_000))));
    assert!(redeem(&mut state, &named(TokenKind::Set, 11, 0)));
    let (mut record, balance) = on_chain(&state);
    record.used &= !1; // the token of count 10 is open there, as if the cut-off were that of count 9
    paygo.learn(&Proven { record, balance }, &key()).unwrap();
    assert_eq!(paygo.state.credit.left, 7_800);
    prove(&mut paygo, &state);
    assert_eq!((paygo.state.credit.left, paygo.supplies()), (0, false));

    // Paid off.
    assert!(redeem(&mut state, &named(TokenKind::Disable, 13, 0)));
    prove(&mut paygo, &state);
    assert!(paygo.supplies() && paygo.left().unlocked);
    assert!(paygo.status().mismatch.is_none());
    let (record, balance) = on_chain(&state);
    paygo.learn(&Proven { record, balance }, &SecretKey::from_seed([4; 32]).public()).unwrap();
    assert!(paygo.status().mismatch.unwrap().contains("redemption key"));
}

/// The chain took a later token first: what it made void is never reported, and does not wait for ever.
#[test]
fn what_the_chain_can_take_no_more_does_not_wait() {
    let dir = memory_dir();
    let mut state = with_device(crate::tests::chain::State::new(), key());
    let mut paygo = open(dir.path(), rules());
    let set = token(Command::Set { value: 9 }, 1);
    let later = add(5, set.1);
    for digits in [&set.0, &later.0] {
        assert!(is_taken(&type_in(&mut paygo, digits, at(0))));
    }
    assert!(redeem(&mut state, &Token { count: later.1, kind: TokenKind::Add, value: 5 }));
    prove(&mut paygo, &state);
    assert_eq!((paygo.state.waiting.len(), paygo.state.credit.left), (0, 1_400));
}

/// A device whose directory was lost takes over what the chain has, and no token that was taken before.
#[test]
fn a_lost_directory_is_made_good_from_the_chain() {
    let dir = memory_dir();
    let mut state = with_device(crate::tests::chain::State::new(), key());
    assert!(redeem(&mut state, &Token { count: 2, kind: TokenKind::Add, value: 10 }));
    let mut paygo = open(dir.path(), rules());
    let (record, balance) = on_chain(&state);
    let used = BalanceRecord { debits_posted: 400, ..balance };
    paygo.learn(&Proven { record, balance: used }, &key()).unwrap();
    assert_eq!(paygo.state.credit.left, 600);
    assert_eq!(type_in(&mut paygo, &add(10, 1).0, at(0)), Answer::AlreadyUsed);
}

/// Goal: neither the secret nor what was typed is in what the device keeps or shows.
#[test]
fn no_secret_and_no_typed_token_is_kept_or_shown() {
    let dir = memory_dir();
    let mut paygo = open(dir.path(), rules());
    paygo.tick(shows(1_000)).unwrap();
    let typed = [add(10, 1).0, token(Command::Set { value: 9 }, 2).0, "987654321".to_owned()];
    let mut shown = String::new();
    for (number, digits) in typed.iter().enumerate() {
        let answer = paygo.take(digits, shows(1_000), Some(Hash([number as u8; 32]))).unwrap();
        shown += &format!("{answer:?}{}", serde_json::to_string(&answer).unwrap());
        shown += &serde_json::to_string(&paygo.status()).unwrap();
        shown += &format!("{:?}", paygo.status());
        shown += &std::fs::read_to_string(dir.path().join(FILE)).unwrap();
    }
    assert!(shown.contains("already") || shown.contains("taken"));
    let code = STARTING_CODE.to_string();
    for secret in typed.iter().map(String::as_str).chain([KEY, code.as_str()]) {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}
