//! Tokens against `openpaygo-token`, the predecessor.

use crate::cases;
use crate::peer::Peer;
use crate::random::{Random, seed};
use crate::tally::Tally;
use crate::token::{Device, draw_count, matching};
use openpaygo::{
    Command, Count, Divergence, Format, Keypad, OLDER_WINDOW, Outcome, Profile, Token, Width, Window, decode,
    encode,
};
use serde_json::{Value, json};

const BATCH: u64 = 100;

/// A token of a value at a count of any parity, made by the predecessor or its successor, and the device that it is
/// for.
struct Case {
    device: Device,
    value: u32,
    adds: bool,
    last: u32,
    format: Format,
    used: Vec<u32>,
}

impl Case {
    fn draw(random: &mut Random) -> Self {
        let device = Device::draw(random);
        let device = Device { code: Some(device.code.unwrap_or(987_654_321)), ..device };
        let keypad = if random.below(2) == 0 { Keypad::Full } else { Keypad::Restricted };
        let width = if random.below(4) == 0 { Width::Extended } else { Width::Standard };
        let last = draw_count(random);
        let mut used: Vec<u32> = (last.saturating_sub(15)..last).filter(|_| random.below(3) == 0).collect();
        if random.below(6) > 0 {
            used.push(last);
        }
        let value = if random.below(3) == 0 { 994 + random.below(6) } else { random.below(1000) };
        let (value, adds) = (u32::try_from(value).unwrap(), random.below(2) == 0);
        Self { device, value, adds, last, format: Format { width, keypad }, used }
    }

    fn restricted(&self) -> bool {
        self.format.keypad == Keypad::Restricted
    }

    fn ask_made(&self) -> Value {
        json!({
            "order": "legacy_encode", "key": self.device.key, "code": self.device.code, "value": self.value,
            "count": self.last, "type": if self.adds { "add" } else { "set" }, "restricted": self.restricted(),
            "extended": self.format.width == Width::Extended,
        })
    }

    fn compare_made(&self, theirs: &Value) -> Vec<Divergence> {
        let (profile, command, found) = match (self.format.width, self.adds) {
            (Width::Extended, _) => {
                (Profile::CFirmware, Command::Raw { value: self.value }, vec![Divergence::LegacyExtended])
            }
            // It knows no types: these values are what its users set.
            (Width::Standard, false) if self.value == 998 => (Profile::Own, Command::Disable, Vec::new()),
            (Width::Standard, false) if self.value == 999 => (Profile::Own, Command::Sync, Vec::new()),
            (Width::Standard, true) => (Profile::Own, Command::Add { value: self.value }, Vec::new()),
            (Width::Standard, false) => (Profile::Own, Command::Set { value: self.value }, Vec::new()),
        };
        match encode(&self.device.secret(), profile, command, Count(self.last), self.format) {
            Ok(issued) => {
                assert_eq!(theirs["token"], issued.token.to_string().as_str(), "{}", self.ask_made());
                assert_eq!(theirs["count"], issued.count.0, "{}", self.ask_made());
                found
            }
            Err(_) => {
                assert!(self.value > 995 && theirs["token"].is_string(), "{}: {theirs}", self.ask_made());
                vec![Divergence::ValueUnchecked]
            }
        }
    }
}

#[test]
fn tokens_are_made_as_the_predecessor_makes_them() {
    let (mut random, mut peer, mut tally) = (Random(seed()), Peer::start("UTC"), Tally::default());
    for _ in 0..cases(1, 20) / BATCH {
        let cases: Vec<Case> = (0..BATCH).map(|_| Case::draw(&mut random)).collect();
        let answers = peer.ask(&cases.iter().map(Case::ask_made).collect::<Vec<_>>());
        for (case, answer) in cases.iter().zip(&answers) {
            tally.add(&case.compare_made(answer));
        }
    }
    tally.close("made before", &[Divergence::LegacyExtended, Divergence::ValueUnchecked]);
}

impl Case {
    /// A count that its token is of: often the last one, else one around it.
    fn at(&self, random: &mut Random) -> u32 {
        match random.below(8) {
            0 => self.last,
            _ => (self.last + u32::try_from(random.below(110)).unwrap()).saturating_sub(40),
        }
    }

    fn ask_token(&self, count: u32) -> Value {
        json!({
            "order": "raw", "key": self.device.key, "code": self.device.code, "value": self.value, "count": count,
            "restricted": self.restricted(), "extended": false,
        })
    }

    fn ask_read(&self, token: &str) -> Value {
        json!({
            "order": "legacy_decode", "token": token, "key": self.device.key, "code": self.device.code,
            "count": self.last, "used": self.used, "restricted": self.restricted(),
        })
    }

    fn compare_read(&self, count: u32, token: &str, theirs: &Value) -> Vec<Divergence> {
        let told = || format!("{} at {count} of value {}: {theirs}", self.ask_read(token), self.value);
        let typed = Token::parse(token, self.format.keypad).unwrap();
        let window = Window::with_used(Count(self.last), self.used.iter().copied().map(Count));
        let (ours, _) = decode(&self.device.secret(), Profile::Own, window, typed);
        let kind = theirs["type"].as_str().unwrap_or_else(|| panic!("{}", told()));
        if matching(&self.device, self.format, typed, self.last + 100) != [count] {
            return Vec::new(); // by chance it is another token as well
        }
        let (is_new, is_even) = (count > self.last, count % 2 == 0);
        if kind != "invalid" && ours == Outcome::Invalid {
            return vec![match self.value {
                _ if count == 0 => Divergence::CountZero,
                996 | 997 => Divergence::ReservedValue,
                998 | 999 if is_even => Divergence::SpecialAtEvenCount,
                _ => panic!("{}", told()),
            }];
        }
        match (ours, kind) {
            (Outcome::Invalid, "invalid") | (Outcome::AlreadyUsed, "alreadyUsed") => Vec::new(),
            (Outcome::AlreadyUsed, "set") => {
                assert!(self.value == 999 && !is_new && count + 30 > self.last, "{}", told());
                vec![Divergence::OlderSync]
            }
            (Outcome::AlreadyUsed, "add") => {
                let open = count + OLDER_WINDOW > self.last && !self.used.contains(&count);
                assert!(count == self.last && is_even && open, "{}", told());
                vec![Divergence::LastCountReplays]
            }
            (Outcome::Credit { command, count: at }, "add" | "set") => {
                let plain = if matches!(command, Command::Add { .. }) { "add" } else { "set" };
                assert_eq!((kind, command.value(), at.0), (plain, self.value, count), "{}", told());
                assert_eq!(
                    (&theirs["value"], &theirs["count"]),
                    (&self.value.into(), &count.into()),
                    "{}",
                    told()
                );
                Vec::new()
            }
            _ => panic!("{ours:?} {}", told()),
        }
    }
}

#[test]
fn tokens_are_read_as_the_predecessor_reads_them() {
    let (mut random, mut peer, mut tally) = (Random(seed()), Peer::start("UTC"), Tally::default());
    for _ in 0..cases(1, 20) / BATCH {
        let mut drawn = Vec::new();
        while drawn.len() < usize::try_from(BATCH).unwrap() {
            let mut case = Case::draw(&mut random);
            case.format.width = Width::Standard;
            let count = case.at(&mut random);
            drawn.push((case, count));
        }
        let made = peer.ask(&drawn.iter().map(|(case, count)| case.ask_token(*count)).collect::<Vec<_>>());
        let tokens: Vec<&str> = made.iter().map(|made| made["token"].as_str().unwrap()).collect();
        let asked: Vec<Value> =
            drawn.iter().zip(&tokens).map(|((case, _), token)| case.ask_read(token)).collect();
        for (((case, count), token), answer) in drawn.iter().zip(&tokens).zip(&peer.ask(&asked)) {
            tally.add(&case.compare_read(*count, token, answer));
        }
    }
    tally.close(
        "read before",
        &[
            Divergence::LastCountReplays,
            Divergence::OlderSync,
            Divergence::SpecialAtEvenCount,
            Divergence::ReservedValue,
            Divergence::CountZero,
        ],
    );
}
