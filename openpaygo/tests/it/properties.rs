//! Properties of all tokens.

use openpaygo::{
    Command, Count, Divider, Format, Keypad, Outcome, Profile, Secret, Token, Value, Window, decode, encode,
};
use proptest::prelude::*;

fn formats() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![
        Format::STANDARD,
        Format::RESTRICTED,
        Format::EXTENDED,
        Format::EXTENDED_RESTRICTED,
    ])
}

fn commands() -> impl Strategy<Value = Command> {
    prop_oneof![
        (0u32..=995).prop_map(|value| Command::Add { value }),
        (0u32..=995).prop_map(|value| Command::Set { value }),
        Just(Command::Disable),
        Just(Command::Sync),
    ]
}

proptest! {
    #[test]
    fn what_is_issued_is_taken_once(
        key: [u8; 16], code in prop::option::of(0u32..1_000_000_000), last in 0u32..200, behind in 0u32..63,
        command in commands(), format in formats(),
    ) {
        let secret = Secret::new(key, code).unwrap();
        let issued = encode(&secret, Profile::Own, command, Count(last), format).unwrap();
        let typed = Token::parse(&format!("{:#}", issued.token), format.keypad).unwrap();
        prop_assert_eq!(typed, issued.token);
        let window = Window::new(Count(last).minus(behind));
        let (outcome, window) = decode(&secret, Profile::Own, window, typed);
        prop_assert_eq!(outcome, Outcome::Credit { command, count: issued.count });
        prop_assert_eq!(window.last(), issued.count);
        prop_assert_eq!(decode(&secret, Profile::Own, window, typed), (Outcome::AlreadyUsed, window));
    }

    #[test]
    fn no_token_lowers_the_count_of_an_own_device(
        key: [u8; 16], last in 0u32..150, used in prop::collection::vec(0u32..150, 0..8), digits in "[0-9]{1,12}",
        command in commands(), of in 0u32..300,
    ) {
        let secret = Secret::new(key, None).unwrap();
        let window = Window::with_used(Count(last), used.into_iter().map(Count));
        let issued = encode(&secret, Profile::Own, command, Count(of), Format::STANDARD).unwrap().token;
        for token in [issued, Token::parse(&digits, Keypad::Full).unwrap()] {
            let (outcome, after) = decode(&secret, Profile::Own, window, token);
            prop_assert!(after.last() >= window.last());
            let taken = matches!(outcome, Outcome::Credit { .. });
            prop_assert_eq!(taken, after != window, "what is taken shows in the window");
            prop_assert!(window.used().filter(|count| *count >= after.last().minus(16))
                .all(|count| after.used().any(|used| used == count)), "what is used stays used");
        }
    }

    #[test]
    fn any_text_is_a_token_or_an_error(text in ".{0,40}") {
        for keypad in [Keypad::Full, Keypad::Restricted] {
            if let Ok(token) = Token::parse(&text, keypad) {
                prop_assert_eq!(Token::parse(&token.to_string(), keypad), Ok(token));
            }
        }
    }

    #[test]
    fn a_value_survives_its_units(units in 0u32..=999_999, divider in 1u32..10_000) {
        let divider = Divider::new(divider).unwrap();
        let shown: Value = divider.value(units).to_string().parse().unwrap();
        prop_assert_eq!(divider.units(shown), Some(units));
        prop_assert_eq!(divider.units(divider.value(units)), Some(units));
    }
}
