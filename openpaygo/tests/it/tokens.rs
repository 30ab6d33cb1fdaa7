//! Tokens by profile: those that a device takes, and those that an issuer may make.

use openpaygo::{
    Command, Count, Format, IssueError, Keypad, Kind, Outcome, Profile, Secret, SecretError, Token,
    TokenError, Width, Window, decode, encode,
};

pub(crate) fn secret() -> Secret {
    Secret::from_hex("a29ab82edc5fbbc41ec9530f6dac86b1", Some(123_456_789)).unwrap()
}

/// The next token of a command after `last`.
pub(crate) fn token(command: Command, last: u32) -> Token {
    encode(&secret(), Profile::Python, command, Count(last), Format::STANDARD).unwrap().token
}

const ADD: Command = Command::Add { value: 5 };
const SET: Command = Command::Set { value: 5 };

fn parse(digits: &str) -> Token {
    Token::parse(digits, Keypad::Full).unwrap()
}

#[test]
fn counts_go_by_parity_and_end_where_the_firmware_ends() {
    let table = [
        (Kind::Add, 0, 2),
        (Kind::Add, 1, 2),
        (Kind::Set, 0, 1),
        (Kind::Set, 1, 3),
        (Kind::Disable, 2, 3),
        (Kind::Sync, 3, 5),
    ];
    for (kind, last, want) in table {
        for profile in Profile::ALL {
            assert_eq!(profile.next_count(kind, Count(last)), Ok(Count(want)), "{kind} after {last}");
        }
    }
    for profile in [Profile::CFirmware, Profile::Own] {
        assert_eq!(profile.next_count(Kind::Set, Count(65_533)), Ok(Count(65_535)));
        let max = Count(65_535);
        for (kind, last) in [(Kind::Add, 65_534), (Kind::Add, 65_535), (Kind::Set, 65_535)] {
            let last = Count(last);
            assert_eq!(profile.next_count(kind, last), Err(IssueError::CountsExhausted { last, max }));
        }
    }
    assert_eq!(Profile::Python.next_count(Kind::Add, Count(65_535)), Ok(Count(65_536)));
    assert!(Profile::Python.next_count(Kind::Add, Count(u32::MAX)).is_err());
    assert_eq!(Profile::CFirmware.next_count(Kind::Raw, Count(4)), Ok(Count(5)));
    assert!(Profile::Own.next_count(Kind::Raw, Count(4)).is_err());
}

#[test]
fn no_value_is_issued_that_a_device_takes_for_something_else() {
    for profile in Profile::ALL {
        for value in 996..=999 {
            for command in [Command::Add { value }, Command::Set { value }] {
                assert!(profile.check(command, Width::Standard).is_err(), "{command:?}");
            }
        }
        assert_eq!(profile.check(Command::Add { value: 995 }, Width::Standard), Ok(()));
        assert_eq!(profile.check(Command::Disable, Width::Standard), Ok(()));
    }
    for value in [998, 999] {
        let refused = Err(IssueError::ValueReserved { value });
        assert_eq!(Profile::Own.check(Command::Set { value }, Width::Extended), refused);
        assert_eq!(Profile::CFirmware.check(Command::Raw { value }, Width::Extended), Ok(()));
    }
    assert_eq!(Profile::Own.check(Command::Add { value: 999_999 }, Width::Extended), Ok(()));
    assert!(Profile::Own.check(Command::Add { value: 1_000_000 }, Width::Extended).is_err());
    assert!(Profile::Own.check(Command::Raw { value: 1 }, Width::Extended).is_err());
    assert!(Profile::CFirmware.check(Command::Add { value: 1 }, Width::Extended).is_err());
}

#[test]
fn a_sync_of_before_goes_by_the_profile() {
    let secret = secret();
    let back = token(Command::Sync, 40); // count 41
    let table = [
        (Profile::Python, 100, Some(41)),
        (Profile::CFirmware, 100, Some(100)),
        (Profile::Own, 100, None),
        (Profile::Python, 104, Some(41)),
        (Profile::Python, 105, None),
        (Profile::CFirmware, 105, None),
    ];
    for (profile, last, want) in table {
        let before = Window::new(Count(last));
        let (outcome, window) = decode(&secret, profile, before, back);
        match want {
            Some(count) => {
                let synced = Outcome::Credit { command: Command::Sync, count: Count(41) };
                assert_eq!((outcome, window.last()), (synced, Count(count)), "{profile:?} at {last}");
                assert!((0..=100).all(|count| !window.is_open(Count(count))));
            }
            None => assert_eq!((outcome, window), (Outcome::AlreadyUsed, before), "{profile:?} at {last}"),
        }
    }
}

#[test]
fn a_sync_reaches_further_ahead_than_others() {
    let secret = secret();
    for (command, jump) in [(ADD, 64), (SET, 64), (Command::Disable, 64), (Command::Sync, 100)] {
        for ahead in 1..=102 {
            let last = 200;
            let Ok(count) = Profile::Own.next_count(command.kind(), Count(last + ahead - 1)) else {
                panic!()
            };
            if count != Count(last + ahead) {
                continue;
            }
            let (outcome, _) =
                decode(&secret, Profile::Own, Window::new(Count(last)), token(command, count.0 - 1));
            let taken = outcome == Outcome::Credit { command, count };
            assert_eq!(taken, ahead <= jump, "{command:?} {ahead} ahead: {outcome:?}");
        }
    }
}

#[test]
fn older_tokens_that_add_are_taken_once_and_in_any_order() {
    let secret = secret();
    let mut window = Window::new(Count(1));
    let mut take = |last: u32| {
        let (outcome, next) = decode(&secret, Profile::Own, window, token(ADD, last));
        window = next;
        (matches!(outcome, Outcome::Credit { .. }), window.last())
    };
    assert_eq!(take(18), (true, Count(20)));
    assert_eq!(take(8), (true, Count(20)), "the last count never falls");
    assert_eq!(take(8), (false, Count(20)));
    assert_eq!(take(4), (true, Count(20)), "6 is 14 back");
    assert_eq!(take(2), (false, Count(20)), "4 is 16 back");
    assert_eq!(take(18), (false, Count(20)));
    assert_eq!(window.used().map(|count| count.0).collect::<Vec<_>>(), [6, 10, 20]);
}

#[test]
fn what_does_not_add_makes_older_tokens_void() {
    for command in [SET, Command::Disable, Command::Sync] {
        let (outcome, window) = decode(&secret(), Profile::Own, Window::new(Count(10)), token(command, 20));
        assert_eq!(outcome, Outcome::Credit { command, count: Count(21) });
        for last in [8, 10, 12, 18] {
            let older = decode(&secret(), Profile::Own, window, token(ADD, last));
            assert_eq!(older, (Outcome::AlreadyUsed, window), "{command:?}, ADD after {last}");
        }
    }
}

#[test]
fn the_starting_code_is_no_token() {
    for profile in Profile::ALL {
        let before = Window::new(Count(0));
        assert_eq!(decode(&secret(), profile, before, parse("123456789")), (Outcome::Invalid, before));
    }
}

#[test]
fn raw_tokens_need_a_greater_count_only() {
    let (secret, command) = (secret(), Command::Raw { value: 998 });
    let mut window = Window::new(Count(3));
    for _ in 0..3 {
        let issued = encode(&secret, Profile::CFirmware, command, window.last(), Format::EXTENDED).unwrap();
        let (outcome, next) = decode(&secret, Profile::CFirmware, window, issued.token);
        assert_eq!(outcome, Outcome::Credit { command, count: window.last().plus(1) });
        assert_eq!(decode(&secret, Profile::CFirmware, next, issued.token).0, Outcome::AlreadyUsed);
        window = next;
    }
}

#[test]
fn tokens_are_read_as_they_are_typed() {
    let spaced = parse(" 662 486 790 ");
    assert_eq!((spaced, format!("{spaced:#}")), (parse("662486790"), "662 486 790".into()));
    assert_eq!(parse("48662027"), parse("048662027"));
    assert_eq!(parse("0000000001").format(), Format::EXTENDED);
    let restricted = |digits| Token::parse(digits, Keypad::Restricted);
    assert_eq!(restricted("24244134441123"), restricted("124244134441123"));
    assert_eq!(restricted("1111111111111111").unwrap().format(), Format::EXTENDED_RESTRICTED);
    let full = |digits| Token::parse(digits, Keypad::Full);
    let table = [
        (full(""), TokenError::Empty),
        (full("   "), TokenError::Empty),
        (full("1234567890123"), TokenError::TooLong { digits: 13, max: 12 }),
        (full("12345678_9"), TokenError::Digit { at: 9, keypad: Keypad::Full }),
        (full("+123456789"), TokenError::Digit { at: 1, keypad: Keypad::Full }),
        (full("１23456789"), TokenError::Digit { at: 1, keypad: Keypad::Full }),
        (restricted("324244134441125"), TokenError::Digit { at: 15, keypad: Keypad::Restricted }),
        (restricted("024244134441123"), TokenError::Digit { at: 1, keypad: Keypad::Restricted }),
    ];
    for (got, want) in table {
        assert_eq!(got, Err(want));
    }
    // A restricted number beyond all codes is a token, and none of anybody's.
    let beyond = restricted("444444444444444").unwrap();
    assert_eq!(beyond.with_keypad(Keypad::Full), None);
    assert_eq!(decode(&secret(), Profile::Own, Window::new(Count(1)), beyond).0, Outcome::Invalid);
}

#[test]
fn nothing_secret_is_shown() {
    let issued = encode(&secret(), Profile::Own, ADD, Count(1), Format::STANDARD).unwrap();
    assert!(!format!("{issued:?}").contains(&issued.token.to_string()));
    let table = [
        ("a29ab82edc5fbbc41ec9530f6dac86b", None, SecretError::Key),
        ("a29ab82edc5fbbc41ec9530f6dac86bg", None, SecretError::Key),
        ("+29ab82edc5fbbc41ec9530f6dac86b1", None, SecretError::Key),
        ("a29ab82edc5fbbc41ec9530f6dac86b1", Some(1_000_000_000), SecretError::StartingCode),
    ];
    for (key, code, want) in table {
        let error = Secret::from_hex(key, code).err().unwrap();
        assert_eq!(error, want);
        assert!(!error.to_string().contains("29ab"));
    }
}
