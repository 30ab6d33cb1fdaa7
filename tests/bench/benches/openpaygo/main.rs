//! Reading tokens: on a device, stateless, and beside the SipHash calls that neither can avoid; then the same by the
//! Python package, where `scripts/setup --tests` has installed it.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use openpaygo::device::State;
use openpaygo::{
    Command, Count, Device, Format, Keypad, Outcome, Profile, Secret, Token, Width, Window, decode, encode,
};
use siphasher::sip::SipHasher24;
use std::hint::black_box;
use std::path::{Path, PathBuf};

const KEY: &str = "bc41ec9530f6dac86b1a29ab82edc5fb";
const STARTING_CODE: u32 = 516_959_010;
const COUNTS: [u32; 4] = [0, 1_000, 10_000, 60_000];
const FORMATS: [(&str, Format); 4] = [
    ("standard", Format::STANDARD),
    ("restricted", Format::RESTRICTED),
    ("extended", Format::EXTENDED),
    ("extended restricted", Format::EXTENDED_RESTRICTED),
];
/// Looked at beyond the last count, and kept before it.
const AHEAD: u32 = openpaygo::JUMP;
const BEHIND: u32 = openpaygo::OLDER_WINDOW;

fn secret() -> Secret {
    Secret::from_hex(KEY, Some(STARTING_CODE)).unwrap()
}

/// The next token after `last`, and one that no device takes.
fn tokens(last: u32, format: Format) -> [(&'static str, Token); 2] {
    let valid =
        encode(&secret(), Profile::Python, Command::Add { value: 30 }, Count(last), format).unwrap().token;
    let digits = valid.to_string();
    let window = Window::new(Count(last));
    let invalid = (b'1'..=b'4').find_map(|first| {
        let changed = Token::parse(&format!("{}{}", char::from(first), &digits[1..]), format.keypad).unwrap();
        (decode(&secret(), Profile::Own, window, changed).0 == Outcome::Invalid).then_some(changed)
    });
    [("valid", valid), ("invalid", invalid.unwrap())]
}

/// As many hashes of eight bytes as a walk makes, each of what the one before came to.
fn hashes(hasher: &SipHasher24, times: u32) -> u64 {
    (0..times).fold(0, |message: u64, _| hasher.hash(&message.to_be_bytes()))
}

fn reading(c: &mut Criterion) {
    let hasher = SipHasher24::new_with_key(&[7; 16]);
    let mut group = c.benchmark_group("openpaygo");
    group.sample_size(20);
    for last in COUNTS {
        let device = Device::new(secret(), State::new(Count(last)));
        let before = last.min(BEHIND);
        for (name, format) in FORMATS {
            for (kind, token) in tokens(last, format) {
                let (new, end) = (if last % 2 == 0 { 2 } else { 1 }, AHEAD);
                let steps = if kind == "valid" { new } else { end };
                let id = |what: &str| BenchmarkId::new(format!("{what}, {name}, {kind}"), last);
                if format.width == Width::Standard {
                    group.bench_function(id("device"), |b| {
                        b.iter(|| device.apply(black_box(token), 0).unwrap())
                    });
                    group.bench_function(id("its hashes"), |b| {
                        b.iter(|| hashes(&hasher, black_box(before + steps)))
                    });
                }
                let window = Window::new(Count(last));
                group.bench_function(id("stateless"), |b| {
                    b.iter(|| decode(&secret(), Profile::Own, window, black_box(token)));
                });
                group.bench_function(id("its hashes, stateless"), |b| {
                    b.iter(|| hashes(&hasher, black_box(last + steps)));
                });
            }
        }
        let text = tokens(last, Format::STANDARD)[0].1.to_string();
        group.bench_function(BenchmarkId::new("parsing", last), |b| {
            b.iter(|| Token::parse(black_box(&text), Keypad::Full).unwrap());
        });
    }
    group.bench_function("a device takes a token: table of 1,000 codes brought forward by two counts", |b| {
        let mut device = Device::new(secret(), State::new(Count(100)));
        let mut last = 100;
        b.iter(|| {
            last += 2;
            device.commit(State::new(Count(last)));
        });
    });
    group.finish();
}

/// The Python package on this machine, in this run.
fn beside_python(_: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let python =
        std::env::var_os("WATTLE_TEST_PYTHON").map_or_else(|| target.join("venv/bin/python"), PathBuf::from);
    let script = root.join("openpaygo/benches/python.py");
    let run = std::process::Command::new(python).arg(script).arg(KEY).arg(STARTING_CODE.to_string()).status();
    if !run.is_ok_and(|status| status.success()) {
        eprintln!("the Python package is not there: scripts/setup --tests installs it");
    }
}

criterion_group!(benches, reading, beside_python);
criterion_main!(benches);
