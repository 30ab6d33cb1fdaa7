//! The reference's own vectors and its acceptance procedure.

use openpaygo::{
    Command, Control, Count, Device, Format, Keypad, Outcome, Profile, Secret, Token, Width, Window, decode,
    device::State, encode,
};
use serde_json::Value;

fn lines(text: &'static str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

fn secret(line: &Value, starting_code: &str) -> Secret {
    let code = u32::try_from(line[starting_code].as_u64().unwrap()).unwrap();
    Secret::from_hex(line["key"].as_str().unwrap(), Some(code)).unwrap()
}

fn count(value: &Value) -> Count {
    Count(u32::try_from(value.as_u64().unwrap()).unwrap())
}

#[test]
fn every_vector_is_encoded_and_decoded() {
    let mut checked = 0;
    for line in lines(include_str!("../vectors/openpaygo_tokens.jsonl")) {
        let secret = secret(&line, "starting_code");
        let value = || u32::try_from(line["value_raw"].as_u64().unwrap()).unwrap();
        let command = match line["token_type"].as_str().unwrap() {
            "ADD_TIME" => Command::Add { value: value() },
            "SET_TIME" => Command::Set { value: value() },
            "DISABLE_PAYG" => Command::Disable,
            "COUNTER_SYNC" => Command::Sync,
            other => panic!("{other}"),
        };
        let restricted = line["restricted_digit_set"] == true;
        let keypad = if restricted { Keypad::Restricted } else { Keypad::Full };
        let width = if line["extended_token"] == true { Width::Extended } else { Width::Standard };
        let last = count(&line["count"]);
        let issued = encode(&secret, Profile::Python, command, last, Format { width, keypad }).unwrap();
        assert_eq!(issued.token.to_string(), line["token"].as_str().unwrap(), "{line}");
        assert_eq!(issued.count, count(&line["new_count"]), "{line}");
        let typed = Token::parse(line["token"].as_str().unwrap(), keypad).unwrap();
        for profile in [Profile::Python, Profile::Own] {
            let (outcome, _) = decode(&secret, profile, Window::new(last), typed);
            assert_eq!(outcome, Outcome::Credit { command, count: issued.count }, "{line}");
        }
        checked += 1;
    }
    assert_eq!(checked, 37);
}

const DAY_S: u32 = 86_400;

#[test]
fn the_acceptance_procedure_passes_stateless_and_on_a_device() {
    let mut lines = lines(include_str!("../vectors/openpaygo_procedure.jsonl"));
    let device = lines.next().unwrap();
    let start = count(&device["startCount"]);
    let stateless = secret(&device, "startingCode");
    let mut box_ = Device::new(secret(&device, "startingCode"), State::new(start));
    let mut window = Window::new(start);
    let (mut control, now_s) = (Control::On { active_until_s: 0 }, 1_800_000_000);
    let mut steps = 0;
    for step in lines {
        let token = Token::parse(step["token"].as_str().unwrap(), Keypad::Full).unwrap();
        let applied = box_.apply(token, 0).unwrap();
        box_.commit(applied.state);
        let (outcome, next) = decode(&stateless, Profile::Own, window, token);
        window = next;
        assert_eq!((applied.outcome, applied.state.window), (outcome, window), "{step}");
        let result = match outcome {
            Outcome::Credit { command, .. } => {
                control = control.apply(command, now_s, DAY_S);
                "accepted"
            }
            Outcome::AlreadyUsed => "alreadyUsed",
            Outcome::Invalid => "invalid",
        };
        assert_eq!(
            (result, window.last()),
            (step["result"].as_str().unwrap(), count(&step["count"])),
            "{step}"
        );
        let days = match control {
            Control::Off => "infinite".into(),
            Control::On { active_until_s } => {
                Value::from(active_until_s.saturating_sub(now_s) / u64::from(DAY_S))
            }
        };
        assert!(step["daysAfter"].is_null() || step["daysAfter"] == days, "{step}: {days}");
        assert_eq!(control.is_active(now_s), days != 0, "{step}");
        steps += 1;
    }
    assert_eq!(steps, 46);
}

#[test]
fn the_hand_checked_scenario_holds() {
    let secret = Secret::from_hex("a29ab82edc5fbbc41ec9530f6dac86b1", Some(123_456_789)).unwrap();
    let table = [
        ("662486790", Command::Add { value: 1 }),
        ("927706818", Command::Add { value: 29 }),
        ("942433796", Command::Set { value: 7 }),
        ("650975787", Command::Disable),
        ("592185789", Command::Set { value: 0 }),
    ];
    for (digits, want) in table {
        let token = Token::parse(digits, Keypad::Full).unwrap();
        let (outcome, _) = decode(&secret, Profile::Own, Window::new(Count(1)), token);
        assert!(
            matches!(outcome, Outcome::Credit { command, .. } if command == want),
            "{digits}: {outcome:?}"
        );
    }
    let restricted =
        Token::parse("662486790", Keypad::Full).unwrap().with_keypad(Keypad::Restricted).unwrap();
    assert_eq!(restricted.to_string(), "324244134441123");
    assert_eq!(restricted.with_keypad(Keypad::Full).unwrap().to_string(), "662486790");
}

#[test]
fn the_hash_is_siphash_2_4() {
    let secret = Secret::new(std::array::from_fn(|at| u8::try_from(at).unwrap()), None).unwrap();
    assert_eq!(secret.hash(b""), 8_246_050_544_436_514_353);
}
