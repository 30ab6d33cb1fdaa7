//! A device: the same answers as stateless decoding, at the same cost at every count, over power cuts.

use crate::random::{Random, seed};
use crate::tokens::{secret, token};
use openpaygo::device::{Clock, NotEvaluated, State, StateError, TABLE_BYTES};
use openpaygo::{
    Command, Count, Device, Format, Keypad, Outcome, Profile, Secret, Token, Window, decode, encode,
};

fn at(last: u32) -> Device {
    Device::new(secret(), State::new(Count(last)))
}

fn commands(random: &mut Random) -> Command {
    let value = u32::try_from(random.below(996)).unwrap();
    match random.below(10) {
        0 => Command::Disable,
        1 => Command::Sync,
        2 | 3 => Command::Set { value },
        _ => Command::Add { value },
    }
}

#[test]
fn it_answers_as_stateless_decoding_does_within_its_window() {
    let mut random = Random(seed());
    for _ in 0..20 {
        let key = random.key();
        let open = || Secret::new(key, None).unwrap();
        let (secret, start) = (open(), Count(u32::try_from(random.below(300)).unwrap()));
        let mut device = Device::new(open(), State::new(start));
        let mut window = Window::new(start);
        for _ in 0..60 {
            let last = window.last().0.saturating_add(random.below(90) as u32).saturating_sub(24);
            let issued =
                encode(&secret, Profile::Own, commands(&mut random), Count(last), Format::STANDARD).unwrap();
            let (mut outcome, next) = decode(&secret, Profile::Own, window, issued.token);
            let known = window.last().minus(16)..=window.last();
            if outcome == Outcome::AlreadyUsed && !known.contains(&issued.count) {
                outcome = Outcome::Invalid; // divergence OlderThanWindow; of tokens far ahead by one's chance in 10^6
            }
            let mut state = device.state();
            state.lockout = openpaygo::device::Lockout::NONE;
            device.commit(state);
            let applied = device.apply(issued.token, 0).unwrap();
            assert_eq!(
                (applied.outcome, applied.state.window),
                (outcome, next),
                "{:?} at {}",
                issued.count,
                window.last()
            );
            device.commit(applied.state);
            window = next;
            if random.below(8) == 0 {
                let (state, table) = (device.state(), device.table_bytes());
                device = Device::with_table(open(), state, &table);
            }
        }
    }
}

#[test]
fn its_table_can_be_kept_or_derived() {
    let device = at(500);
    let table = device.table_bytes();
    assert_eq!(table.len(), TABLE_BYTES);
    assert!(TABLE_BYTES < 4096);
    let further = State::new(Count(530));
    let expected = at(530).table_bytes();
    let mut damaged = table;
    damaged[2000] ^= 1;
    let other = Device::new(Secret::new([7; 16], None).unwrap(), State::new(Count(500))).table_bytes();
    let ahead = at(900).table_bytes();
    for (name, bytes) in [
        ("kept", &table[..]),
        ("damaged", &damaged),
        ("another's", &other),
        ("ahead", &ahead),
        ("cut", &table[..99]),
        ("none", &[]),
    ] {
        assert!(Device::with_table(secret(), further, bytes).table_bytes() == expected, "{name}");
    }
}

#[test]
fn a_state_comes_back_from_its_bytes_and_from_no_others() {
    let mut device = at(1);
    for last in [2, 8, 4] {
        let applied = device.apply(token(Command::Add { value: 3 }, last), 77).unwrap();
        device.commit(applied.state);
    }
    let wrong = Token::parse("000000000", Keypad::Full).unwrap();
    for _ in 0..3 {
        let applied = device.apply(wrong, 99).unwrap();
        device.commit(applied.state);
    }
    let bytes = device.state_bytes(device.state());
    assert_eq!(State::from_bytes(&secret(), &bytes), Ok(device.state()));
    for at in 0..bytes.len() {
        let mut damaged = bytes;
        damaged[at] ^= 0x10;
        assert_eq!(State::from_bytes(&secret(), &damaged), Err(StateError::Damaged), "byte {at}");
    }
    for len in 0..bytes.len() {
        assert_eq!(State::from_bytes(&secret(), &bytes[..len]), Err(StateError::Damaged));
    }
    let other = Secret::from_hex("a29ab82edc5fbbc41ec9530f6dac86b2", None).unwrap();
    assert_eq!(State::from_bytes(&other, &bytes), Err(StateError::Damaged));
}

/// Bytes of a state are a format: a change of them strands devices.
#[test]
fn the_bytes_of_a_state_are_these() {
    let applied = at(1).apply(token(Command::Add { value: 3 }, 4), 5).unwrap();
    let hex: String = applied.state.to_bytes(&secret()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
}

const GOLDEN: &str = "01060000002100000000000000000000000005000000000000007ded55a63c0fbf24";

#[test]
fn a_power_cut_at_any_step_neither_loses_a_token_nor_credits_it_twice() {
    let open = |bytes: &[u8]| Device::new(secret(), State::from_bytes(&secret(), bytes).unwrap());
    let add = token(Command::Add { value: 30 }, 1);
    let before = State::new(Count(1)).to_bytes(&secret());
    // The disk holds state and credit, written together.
    let mut disk = (before, 0);
    for cut in ["before apply", "after apply", "after the write", "never"] {
        let device = open(&disk.0);
        if cut == "before apply" {
            continue;
        }
        let applied = device.apply(add, 0).unwrap();
        if cut == "after apply" {
            continue;
        }
        if let Outcome::Credit { command: Command::Add { value }, .. } = applied.outcome {
            disk = (device.state_bytes(applied.state), disk.1 + value);
        }
    }
    assert_eq!(disk.1, 30);
    assert_eq!(open(&disk.0).apply(add, 0).unwrap().outcome, Outcome::AlreadyUsed);
}

#[test]
fn errors_lock_it_and_nothing_is_looked_at_meanwhile() {
    let mut device = at(1);
    let wrong = Token::parse("111111111", Keypad::Full).unwrap();
    let good = token(Command::Add { value: 1 }, 1);
    for _ in 0..3 {
        let applied = device.apply(wrong, 0).unwrap();
        assert_eq!(applied.outcome, Outcome::Invalid);
        device.commit(applied.state);
    }
    assert_eq!(device.apply(good, 60_000), Err(NotEvaluated::Locked { wait_ms: 60_000 }));
    let mut state = device.state();
    state.lockout = state.lockout.after_power_on(Clock::Powered, 0);
    device.commit(state);
    assert_eq!(
        device.apply(good, 60_000),
        Err(NotEvaluated::Locked { wait_ms: 60_000 }),
        "a reboot forgives nothing"
    );
    let applied = device.apply(good, 120_000).unwrap();
    assert!(matches!(applied.outcome, Outcome::Credit { .. }));
    device.commit(applied.state);
    for _ in 0..20 {
        let again = device.apply(good, 120_000).unwrap();
        assert_eq!(again.outcome, Outcome::AlreadyUsed, "which is no error");
        device.commit(again.state);
    }
    let extended = Token::parse("1234567890", Keypad::Full).unwrap();
    assert_eq!(device.apply(extended, 120_000), Err(NotEvaluated::Extended));
}

#[test]
fn it_takes_restricted_tokens_as_well() {
    let restricted = token(Command::Add { value: 1 }, 1).with_keypad(Keypad::Restricted).unwrap();
    let outcome = at(1).apply(restricted, 0).unwrap().outcome;
    assert_eq!(outcome, Outcome::Credit { command: Command::Add { value: 1 }, count: Count(2) });
}
