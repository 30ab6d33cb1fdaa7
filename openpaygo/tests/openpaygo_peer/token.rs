//! Tokens against `openpaygo`.

use crate::cases;
use crate::peer::Peer;
use crate::random::{Random, seed};
use crate::tally::Tally;
use openpaygo::{
    Command, Count, Divergence, Divider, Format, Issued, Keypad, OLDER_WINDOW, Outcome, Profile, Secret,
    Token, Value as Worth, Width, Window, decode, encode,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FORMATS: [Format; 4] =
    [Format::STANDARD, Format::RESTRICTED, Format::EXTENDED, Format::EXTENDED_RESTRICTED];
/// Orders that go to the peer at once.
const BATCH: u64 = 250;

/// A device as both sides are told of it.
pub(crate) struct Device {
    pub(crate) key: String,
    pub(crate) code: Option<u32>,
}

impl Device {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let key = random.key().iter().map(|byte| format!("{byte:02x}")).collect();
        let code = match random.below(8) {
            0 => Some(0),
            1 | 2 => None,
            _ => Some(u32::try_from(random.below(1_000_000_000)).unwrap()),
        };
        Self { key, code }
    }

    pub(crate) fn secret(&self) -> Secret {
        Secret::from_hex(&self.key, self.code).unwrap()
    }

    /// As the reference understands it: it derives a starting code for 0.
    fn secret_of_reference(&self) -> Secret {
        Secret::from_hex(&self.key, self.code.filter(|code| *code != 0)).unwrap()
    }
}

/// The counts up to `end` whose token of the same value this is: one, but for chance of one in 10^6 a count. Written
/// from the standard once more, so as to depend on nothing that is tested here.
pub(crate) fn matching(device: &Device, format: Format, token: Token, end: u32) -> Vec<u32> {
    let secret = device.secret();
    let (fold, message, values): (fn(u64) -> u64, fn(u64) -> [u8; 8], u64) = match format.width {
        Width::Standard => (fold, |code| (code << 32 | code).to_be_bytes(), 1_000),
        Width::Extended => (fold_extended, u64::to_be_bytes, 1_000_000),
    };
    let derived = || {
        let key: Vec<u8> =
            (0..16).map(|at| u8::from_str_radix(&device.key[2 * at..2 * at + 2], 16).unwrap()).collect();
        self::fold(secret.hash(&key))
    };
    let start = device.code.map_or_else(derived, u64::from);
    let full = token.with_keypad(Keypad::Full).map(|token| token.to_string().parse::<u64>().unwrap());
    let Some(wanted) = full else { return Vec::new() };
    let put = |code: u64| code - code % values + wanted % values;
    let mut code = put(start);
    let mut found = Vec::new();
    for count in 0..=end {
        if put(code) == wanted {
            found.push(count);
        }
        code = fold(secret.hash(&message(code)));
    }
    found
}

fn fold(hash: u64) -> u64 {
    let code = ((hash >> 32) ^ (hash & 0xFFFF_FFFF)) >> 2;
    if code > 999_999_999 { code - 73_741_825 } else { code }
}

fn fold_extended(hash: u64) -> u64 {
    let code = hash >> 24;
    if code > 999_999_999_999 { code - 99_511_627_777 } else { code }
}

/// Few large counts: the peer needs milliseconds for a hundred.
pub(crate) fn draw_count(random: &mut Random) -> u32 {
    let below = match random.below(200) {
        0 => 3000,
        1..=20 => 300,
        _ => 50,
    };
    u32::try_from(random.below(below)).unwrap()
}

fn draw_format(random: &mut Random) -> Format {
    FORMATS[usize::try_from(random.below(4)).unwrap()]
}

/// One token to be made.
struct Order {
    device: Device,
    kind: &'static str,
    value: String,
    divider: u32,
    last: u32,
    format: Format,
}

impl Order {
    fn draw(random: &mut Random) -> Self {
        let (device, format) = (Device::draw(random), draw_format(random));
        let divider = if random.below(2) == 0 { 1 } else { 1 + u32::try_from(random.below(100)).unwrap() };
        let whole = random.below(if format.width == Width::Extended { 1_000_050 } else { 1_010 });
        let value = match random.below(12) {
            0 => format!("-{}", 1 + random.below(5)),
            1 => (994 + random.below(8)).to_string(),
            2..=5 => format!("{}.{:03}", whole / u64::from(divider), random.below(1000)),
            6 => format!(
                "{}.{}",
                random.below(5),
                ["125", "375", "625", "285", "5"][usize::try_from(random.below(5)).unwrap()]
            ),
            _ => (whole / u64::from(divider)).to_string(),
        };
        let kind = ["add", "add", "set", "set", "disable", "sync"][usize::try_from(random.below(6)).unwrap()];
        Self { device, kind, value, divider, last: draw_count(random), format }
    }

    fn ask(&self) -> Value {
        let has_value = matches!(self.kind, "add" | "set");
        let value: Value = serde_json::from_str(&self.value).unwrap();
        json!({
            "order": "encode", "key": self.device.key, "count": self.last, "type": self.kind,
            "value": if has_value { value } else { Value::Null }, "code": self.device.code, "divider": self.divider,
            "restricted": self.format.keypad == Keypad::Restricted,
            "extended": self.format.width == Width::Extended,
        })
    }

    fn command(&self, value: u32) -> Command {
        match self.kind {
            "add" => Command::Add { value },
            "set" => Command::Set { value },
            "disable" => Command::Disable,
            _ => Command::Sync,
        }
    }

    fn encode(&self, secret: &Secret, units: Option<u32>) -> Option<Issued> {
        let command = self.command(units?);
        encode(secret, Profile::Python, command, Count(self.last), self.format).ok()
    }

    fn exact_units(&self) -> Option<u32> {
        let worth: Worth = self.value.parse().ok()?;
        Divider::new(self.divider).unwrap().units(worth)
    }

    /// As the reference does: in binary floating point.
    fn float_units(&self) -> f64 {
        (self.value.parse::<f64>().unwrap() * f64::from(self.divider)).round_ties_even()
    }

    fn compare(&self, theirs: &Value) -> Vec<Divergence> {
        let mut found = Vec::new();
        let ours =
            self.encode(&self.device.secret(), if self.has_value() { self.exact_units() } else { Some(0) });
        if same(ours, theirs) {
            return found;
        }
        if self.device.code == Some(0) {
            found.push(Divergence::ZeroStartingCode);
        }
        let secret = self.device.secret_of_reference();
        if !self.has_value() {
            assert!(same(self.encode(&secret, Some(0)), theirs), "{}: {theirs}", self.ask());
            return found;
        }
        let float = self.float_units();
        if float < 0.0 {
            assert!(self.exact_units().is_none() && theirs["token"].is_string(), "{}: {theirs}", self.ask());
            return vec![Divergence::NegativeValue];
        }
        let units = float as u32;
        if self.exact_units() != Some(units) {
            found.push(Divergence::FloatRounding);
        }
        if self.format.width == Width::Extended && matches!(units, 998 | 999) {
            assert!(theirs["token"].is_string(), "{}: {theirs}", self.ask());
            return vec![Divergence::ExtendedValueReserved];
        }
        assert!(same(self.encode(&secret, Some(units)), theirs), "{}: {theirs}", self.ask());
        found
    }

    fn has_value(&self) -> bool {
        matches!(self.kind, "add" | "set")
    }
}

fn same(ours: Option<Issued>, theirs: &Value) -> bool {
    match ours {
        Some(issued) => {
            theirs["token"] == issued.token.to_string().as_str() && theirs["count"] == issued.count.0
        }
        None => theirs["raised"] == "ValueError",
    }
}

#[test]
fn tokens_are_made_as_the_reference_makes_them() {
    let (mut random, mut peer, mut tally) = (Random(seed()), Peer::start("UTC"), Tally::default());
    for _ in 0..cases(7, 20) / BATCH {
        let orders: Vec<Order> = (0..BATCH).map(|_| Order::draw(&mut random)).collect();
        let answers = peer.ask(&orders.iter().map(Order::ask).collect::<Vec<_>>());
        for (order, answer) in orders.iter().zip(&answers) {
            tally.add(&order.compare(answer));
        }
    }
    // Beyond what 16 bits count.
    let device = Device { key: "bc41ec9530f6dac86b1a29ab82edc5fb".into(), code: Some(516_959_010) };
    let beyond =
        Order { device, kind: "add", value: "1".into(), divider: 1, last: 65_535, format: Format::STANDARD };
    let theirs = peer.ask(&[beyond.ask()]);
    assert_eq!(beyond.compare(&theirs[0]), [], "the profile of the reference counts on");
    let own = encode(
        &beyond.device.secret(),
        Profile::Own,
        Command::Add { value: 1 },
        Count(65_535),
        Format::STANDARD,
    );
    assert!(own.is_err());
    tally.add(&[Divergence::CountsUnbounded]);
    tally.close(
        "made",
        &[
            Divergence::ZeroStartingCode,
            Divergence::NegativeValue,
            Divergence::FloatRounding,
            Divergence::ExtendedValueReserved,
            Divergence::CountsUnbounded,
        ],
    );
}

/// One token to be read.
struct Entry {
    device: Device,
    /// Value and count of the token; `None` for digits that somebody made up.
    origin: Option<(u32, u32)>,
    last: u32,
    used: Option<Vec<u32>>,
    divider: u32,
    format: Format,
}

impl Entry {
    fn draw(random: &mut Random) -> Self {
        let mut device = Device::draw(random);
        device.code = device.code.filter(|code| *code != 0); // that is shown where tokens are made
        let (last, format) = (draw_count(random), draw_format(random));
        let at = i64::from(last)
            + match random.below(4) {
                0 => i64::try_from(random.below(120)).unwrap() - 10,
                1 => i64::try_from(random.below(90)).unwrap() - 80,
                _ => i64::try_from(random.below(40)).unwrap() - 20,
            };
        let special = 994 + u32::try_from(random.below(6)).unwrap();
        let value = match random.below(3) {
            0 => special,
            _ if format.width == Width::Extended => u32::try_from(random.below(1_000_000)).unwrap(),
            _ => u32::try_from(random.below(1_000)).unwrap(),
        };
        let count = if random.below(15) == 0 { 0 } else { u32::try_from(at.max(0)).unwrap() };
        let origin = (random.below(8) > 0).then_some((value, count));
        let mut list: Vec<u32> = (last.saturating_sub(16)..last).filter(|_| random.below(3) == 0).collect();
        let used = match random.below(10) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(list),
            _ => {
                list.push(last);
                Some(list)
            }
        };
        let divider = [1, 1, 4, 10][usize::try_from(random.below(4)).unwrap()];
        Self { device, origin, last, used, divider, format }
    }

    fn ask_token(&self, random: &mut Random) -> Value {
        let (value, count) = self.origin.unwrap_or_else(|| (u32::try_from(random.below(1000)).unwrap(), 0));
        json!({
            "order": "raw", "key": self.device.key, "code": self.device.code, "value": value, "count": count,
            "restricted": self.format.keypad == Keypad::Restricted,
            "extended": self.format.width == Width::Extended,
        })
    }

    fn ask(&self, token: &str) -> Value {
        json!({
            "order": "decode", "token": token, "key": self.device.key, "code": self.device.code,
            "count": self.last, "used": self.used, "divider": self.divider,
            "restricted": self.format.keypad == Keypad::Restricted,
        })
    }

    fn window(&self) -> Window {
        Window::with_used(Count(self.last), self.used.iter().flatten().copied().map(Count))
    }

    fn compare(&self, token: &str, theirs: &Value) -> Vec<Divergence> {
        let told = || format!("{} of {:?} ({token}): {theirs}", self.ask(token), self.origin);
        let typed = Token::parse(token, self.format.keypad).unwrap();
        let (ours, window) = decode(&self.device.secret(), Profile::Own, self.window(), typed);
        let kind = theirs["type"].as_str();
        let extended = self.format.width == Width::Extended;
        let end = self.last + 100;
        let found = matching(&self.device, self.format, typed, end);
        let only: Vec<u32> =
            self.origin.iter().map(|(_, count)| *count).filter(|count| *count <= end).collect();
        if found != only {
            // By chance it is another token as well: which one is meant cannot be told from its origin.
            assert!(found.len() > only.len(), "{found:?} {}", told());
            return Vec::new();
        }
        let Some((value, count)) = self.origin else {
            if extended && theirs["raised"] == "UnboundLocalError" && ours == Outcome::Invalid {
                return vec![Divergence::ExtendedInvalidRaises];
            }
            assert!(ours == Outcome::Invalid && kind == Some("invalid"), "{}", told());
            return Vec::new();
        };
        let is_new = count > self.last;
        let is_even = count % 2 == 0;
        if extended && theirs["raised"] == "UnboundLocalError" {
            assert!(ours == Outcome::Invalid && count > self.last + 64, "{}", told());
            return vec![Divergence::ExtendedInvalidRaises];
        }
        if theirs["raised"] == "TypeError" {
            assert!(self.used.is_none() && !is_new && count + OLDER_WINDOW > self.last, "{}", told());
            return vec![Divergence::UsedCountsLost];
        }
        if count == 0 {
            assert!(ours == Outcome::Invalid, "{}", told());
            assert!(matches!(kind, Some("add" | "alreadyUsed")), "{}", told());
            return vec![Divergence::CountZero];
        }
        if !extended && matches!(value, 996 | 997) && kind != Some("invalid") {
            assert!(ours == Outcome::Invalid, "{}", told());
            return vec![Divergence::ReservedValue];
        }
        if matches!(value, 998 | 999) && (is_even || extended) && kind != Some("invalid") {
            let plain = if is_even { "add" } else { "set" };
            assert!(kind == Some(plain) || kind == Some("alreadyUsed"), "{}", told());
            let as_here = match ours {
                Outcome::Invalid => is_even,
                Outcome::AlreadyUsed => !is_even && !is_new,
                Outcome::Credit { command, .. } => {
                    !is_even
                        && is_new
                        && command.value() == value
                        && matches!(command, Command::Disable | Command::Sync)
                }
            };
            assert!(as_here, "{ours:?} {}", told());
            return vec![if extended { Divergence::ExtendedSpecial } else { Divergence::SpecialAtEvenCount }];
        }
        match (ours, kind) {
            (Outcome::Invalid, Some("invalid")) | (Outcome::AlreadyUsed, Some("alreadyUsed")) => Vec::new(),
            (Outcome::AlreadyUsed, Some("sync")) => {
                assert!(!is_new && count + 64 > self.last && theirs["count"] == count, "{}", told());
                let (python, lowered) = decode(&self.device.secret(), Profile::Python, self.window(), typed);
                let synced = Outcome::Credit { command: Command::Sync, count: Count(count) };
                assert_eq!((python, lowered.last()), (synced, Count(count)), "the profile knows it");
                vec![Divergence::OlderSync]
            }
            (Outcome::AlreadyUsed, Some("add")) => {
                let listed = self.used.as_ref().is_some_and(|used| used.contains(&count));
                assert!(count == self.last && is_even && !listed, "{}", told());
                vec![Divergence::LastCountReplays]
            }
            (Outcome::Credit { command, count: at }, Some(kind)) => {
                assert_eq!(
                    (command.kind().name(), command.value(), at.0),
                    (kind, value, count),
                    "{}",
                    told()
                );
                assert_eq!(theirs["count"], count, "{}", told());
                self.compare_credit(command, count, window, theirs)
            }
            _ => panic!("{ours:?} {}", told()),
        }
    }

    /// Both take it as the same; what they keep afterwards may differ.
    fn compare_credit(
        &self,
        command: Command,
        count: u32,
        window: Window,
        theirs: &Value,
    ) -> Vec<Divergence> {
        let mut found = Vec::new();
        let shown = f64::from(command.value()) / f64::from(self.divider);
        assert_eq!(theirs["value"].as_f64(), Some(shown), "{}", self.ask(""));
        if matches!(command, Command::Disable | Command::Sync) && self.divider != 1 {
            found.push(Divergence::DividerOnSpecial);
        }
        if count < self.last {
            found.push(Divergence::OlderTokenLowersCount);
        }
        assert_eq!(window.last().0, count.max(self.last), "{}", self.ask(""));
        let ours: BTreeSet<i64> = window.used().map(|count| i64::from(count.0)).collect();
        let Some(list) = theirs["used"].as_array() else {
            assert!(self.used.as_ref().is_none_or(Vec::is_empty), "{}", self.ask(""));
            found.push(Divergence::UsedCountsLost);
            return found;
        };
        let listed: BTreeSet<i64> = list.iter().map(|count| count.as_i64().unwrap()).collect();
        let lacks_last = self.used.as_ref().is_some_and(|used| !used.contains(&self.last));
        // Its window ends at the greatest count that it was told of, and begins below zero.
        let (from, to) = (*listed.first().unwrap_or(&0), *listed.last().unwrap_or(&0));
        let from = from.max(0).max(i64::from(window.last().0) - i64::from(OLDER_WINDOW));
        let within = |counts: &BTreeSet<i64>| -> BTreeSet<i64> {
            let own = |count: &&i64| !lacks_last || **count != i64::from(self.last);
            counts.iter().filter(|count| (from..=to).contains(*count)).filter(own).copied().collect()
        };
        assert_eq!(within(&ours), within(&listed), "{} {window:?} {theirs}", self.ask(""));
        found
    }
}

#[test]
fn tokens_are_read_as_the_reference_reads_them() {
    let (mut random, mut peer, mut tally) = (Random(seed()), Peer::start("UTC"), Tally::default());
    for _ in 0..cases(9, 20) / BATCH {
        let entries: Vec<Entry> = (0..BATCH).map(|_| Entry::draw(&mut random)).collect();
        let asked: Vec<Value> = entries.iter().map(|entry| entry.ask_token(&mut random)).collect();
        let made = peer.ask(&asked);
        let tokens: Vec<String> = entries
            .iter()
            .zip(&made)
            .map(|(entry, made)| match entry.origin {
                Some(_) => made["token"].as_str().unwrap().to_owned(),
                None => made_up(&mut random, entry.format),
            })
            .collect();
        let asked: Vec<Value> = entries.iter().zip(&tokens).map(|(entry, token)| entry.ask(token)).collect();
        for ((entry, token), answer) in entries.iter().zip(&tokens).zip(&peer.ask(&asked)) {
            tally.add(&entry.compare(token, answer));
        }
    }
    tally.close(
        "read",
        &[
            Divergence::UsedCountsLost,
            Divergence::LastCountReplays,
            Divergence::OlderTokenLowersCount,
            Divergence::OlderSync,
            Divergence::SpecialAtEvenCount,
            Divergence::ReservedValue,
            Divergence::CountZero,
            Divergence::ExtendedInvalidRaises,
            Divergence::ExtendedSpecial,
            Divergence::DividerOnSpecial,
        ],
    );
}

fn made_up(random: &mut Random, format: Format) -> String {
    let (digits, zero) = if format.keypad == Keypad::Full { (10, 0) } else { (4, 1) };
    let digit = |_| char::from_digit(u32::try_from(random.below(digits)).unwrap() + zero, 10).unwrap();
    (0..format.digits()).map(digit).collect()
}

/// Digits that the reference takes for others, and texts that it takes for digits.
#[test]
fn what_is_no_token_is_refused_here() {
    let (mut random, mut peer, mut tally) = (Random(seed()), Peer::start("UTC"), Tally::default());
    for _ in 0..100 {
        let device = Device { code: Some(123_456_789), ..Device::draw(&mut random) };
        let command = Command::Add { value: 1 };
        for format in [Format::RESTRICTED, Format::STANDARD] {
            let issued = encode(&device.secret(), Profile::Own, command, Count(1), format).unwrap();
            let digits = issued.token.to_string();
            let entry = Entry {
                device: Device { key: device.key.clone(), ..device },
                origin: None,
                last: 1,
                used: Some(vec![1]),
                divider: 1,
                format,
            };
            if format.keypad == Keypad::Restricted {
                // 1 to 4 in the second half are written as 5 to 8, which are the same modulo 4.
                let (head, tail) = digits.split_at(8);
                let alias: String = tail.bytes().map(|digit| char::from(digit + 4)).collect();
                let alias = format!("{head}{alias}");
                let theirs = &peer.ask(&[entry.ask(&alias)])[0];
                assert_eq!(
                    (theirs["type"].as_str(), theirs["count"].as_u64()),
                    (Some("add"), Some(2)),
                    "{alias}"
                );
                assert!(Token::parse(&alias, format.keypad).is_err());
                tally.add(&[Divergence::RestrictedAlias]);
                continue;
            }
            let spaced = format!("{:#}", issued.token);
            let signed = format!("+{}", digits.trim_start_matches('0'));
            let answers = peer.ask(&[entry.ask(&spaced), entry.ask(&signed)]);
            assert_eq!(answers[0]["raised"], "ValueError", "{spaced}");
            assert_eq!(Token::parse(&spaced, format.keypad), Ok(issued.token));
            // A tenth character makes it an extended one, unless there were fewer digits.
            assert!(
                answers[1]["raised"] == "UnboundLocalError" || answers[1]["type"] == "add",
                "{signed}: {}",
                answers[1]
            );
            assert!(Token::parse(&signed, format.keypad).is_err());
            tally.add(&[Divergence::LenientInput]);
        }
    }
    tally.close("no tokens", &[Divergence::RestrictedAlias, Divergence::LenientInput]);
}

/// Tokens that a [`Device`](openpaygo::Device) no longer recognizes.
#[test]
fn a_device_knows_tokens_of_its_window_only() {
    let mut peer = Peer::start("UTC");
    let device = Device { key: "bc41ec9530f6dac86b1a29ab82edc5fb".into(), code: Some(516_959_010) };
    let mut tally = Tally::default();
    let own = openpaygo::Device::new(device.secret(), openpaygo::device::State::new(Count(41)));
    for last in (1..40).step_by(2) {
        let command = Command::Set { value: 9 };
        let issued = encode(&device.secret(), Profile::Own, command, Count(last), Format::STANDARD).unwrap();
        let ask = json!({
            "order": "decode", "token": issued.token.to_string(), "key": device.key, "code": device.code, "count": 41,
            "used": [41], "divider": 1, "restricted": false,
        });
        assert_eq!(peer.ask(&[ask])[0]["type"], "alreadyUsed");
        let outcome = own.apply(issued.token, 0).unwrap().outcome;
        match outcome {
            Outcome::AlreadyUsed => tally.add(&[]),
            Outcome::Invalid if issued.count < Count(41).minus(OLDER_WINDOW) => {
                tally.add(&[Divergence::OlderThanWindow]);
            }
            _ => panic!("{outcome:?} at {}", issued.count),
        }
    }
    tally.close("old tokens", &[Divergence::OlderThanWindow]);
}
