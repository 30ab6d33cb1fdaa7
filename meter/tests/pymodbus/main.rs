//! The sensor against pymodbus, a server that shares no code with it: over a socket, over a serial line between
//! pseudo-terminals, and with RTU frames over a socket. Needs `scripts/setup --tests`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod line;
mod probe;
mod server;

use line::{Fault, Line};
use server::{Server, tcp};
use std::time::Duration;
use wattle_meter::sensor::{
    Block, Bus, CONFIRMATIONS, FrameError, Function, Link, Profile, Sample, Sensor, SensorError, SharedBus,
    Timing, Verdict, crc16,
};
use wattle_primitives::reading::RegisterEncoding;

/// Longer than pymodbus takes, also on a busy machine. A refusal over a serial line costs it whole: the line is
/// listened to until then.
const PATIENT: Timing = Timing {
    connect_timeout: Duration::from_secs(60),
    answer_timeout: Duration::from_secs(15),
    tries: 1,
    pause: Duration::from_millis(10),
    unit_pause: Duration::from_millis(50),
};
/// For answers that never come.
const HASTY: Timing = Timing { answer_timeout: Duration::from_secs(3), ..PATIENT };
/// Where the server's model 203 begins, counted from the mark: after the mark, models 1 and 120.
const METER: u16 = 2 + 68 + 28;
const SERIAL_NUMBER: u16 = 2 + 50;
/// Counters of the model, counted from its beginning.
const IMPORT: u16 = 46;

fn sdm630(bus: &SharedBus, unit: u8) -> Sensor {
    Sensor::new(SharedBus::clone(bus), unit, Profile::find("sdm630").unwrap())
}

fn sunspec(bus: &SharedBus, unit: u8, exponent: i8) -> Sensor {
    let profile = Profile::find("sunspec").unwrap();
    let profile = profile.with_encoding(RegisterEncoding::Acc32 { exponent }).unwrap();
    Sensor::new(SharedBus::clone(bus), unit, profile)
}

fn import_wh(sample: &Sample) -> u64 {
    sample.believed().unwrap().import_wh.0
}

fn check_sdm630(sample: &Sample) {
    let energy = sample.believed().unwrap();
    // 12345.678 as binary32 is 12345.677734375: the words are signed, and rounded down.
    assert_eq!((energy.import[..].to_vec(), energy.import_wh.0), (vec![0x4640, 0xE6B6], 12_345_677));
    assert_eq!((energy.export[..].to_vec(), energy.export_wh.0), (vec![0x422A, 0x0000], 42_500));
    let shown = &sample.quantities;
    assert_eq!(shown.len(), 11);
    assert_eq!(shown["volts_l1"], f64::from(230.2f32));
    assert_eq!((shown["amps_l2"], shown["watts_l1"]), (4.5, 1208.5));
    assert_eq!((shown["watts"], shown["hertz"]), (2250.25, 50.0));
}

#[tokio::test]
async fn the_golden_frame_goes_over_the_serial_line_byte_for_byte() {
    let line = Line::open();
    let mut server = Server::start(&line.server(), &["1=sdm630"]);
    server.set(1, "input", 0x0000, &[0x4366, 0x3334]); // 230.2, one bit above the nearest binary32
    let mut bus = Bus::new(line.link(), PATIENT);
    let volts = Block { function: Function::Input, address: 0, count: 2 };
    assert_eq!(bus.read(1, volts).await.unwrap(), [0x4366, 0x3334]);
    let record = line.record();
    assert_eq!(record.asked[0].1, [0x01, 0x04, 0x00, 0x00, 0x00, 0x02, 0x71, 0xCB]);
    assert_eq!(record.answered, [[0x01, 0x04, 0x04, 0x43, 0x66, 0x33, 0x34, 0x1B, 0x38]]);
}

#[tokio::test]
async fn a_meter_reads_the_same_over_every_link() {
    let line = Line::open();
    let over_socket = Server::start("tcp", &["1=sdm630"]);
    let framed = Server::start("rtu_over_tcp", &["1=sdm630"]);
    let _serial = Server::start(&line.server(), &["1=sdm630"]);
    let links = [tcp(&over_socket), Link::RtuOverTcp { address: framed.address() }, line.link()];
    for link in links {
        let bus = Bus::shared(link.clone(), PATIENT);
        let mut sensor = sdm630(&bus, 1);
        for _ in 0..2 {
            let sample = sensor.read().await.unwrap_or_else(|e| panic!("{link}: {e:?}"));
            check_sdm630(&sample);
            assert_eq!(sample.verdict(), Some(Verdict::Good));
        }
        assert_eq!(sensor.identity().serial_number.as_deref(), Some("20161778"), "{link}");
        // Registers that the meter has not are refused, and the line is as good as before.
        let nothing = Block { function: Function::Input, address: 0x0200, count: 2 };
        let refused = bus.lock().await.read(1, nothing).await;
        assert!(matches!(refused, Err(SensorError::Refused { .. })), "{link}: {refused:?}");
        check_sdm630(&sensor.read().await.unwrap());
    }
}

#[tokio::test]
async fn every_other_built_in_profile_reads_its_meter() {
    let maps =
        ["1=sdm120", "2=sdm230", "3=sunspec:40000:0:201", "4=sunspec:0:1:202", "5=sunspec:50000:0:204"];
    let server = Server::start("tcp", &[&maps[..], &["6=sunspec:40000:0:205", "100=victron"]].concat());
    let bus = Bus::shared(tcp(&server), PATIENT);
    for (unit, profile, quantities) in [(1, "sdm120", 5), (2, "sdm230", 6)] {
        let mut meter = Sensor::new(SharedBus::clone(&bus), unit, Profile::find(profile).unwrap());
        let sample = meter.read().await.unwrap();
        let energy = sample.believed().unwrap();
        assert_eq!((energy.import_wh.0, energy.export_wh.0), (12_345_677, 42_500), "{profile}");
        assert_eq!(meter.serial_number(), Some("20161778"), "{profile}");
        let shown = &sample.quantities;
        assert_eq!((shown.len(), shown["watts"], shown["hertz"]), (quantities, 1208.5, 50.0), "{profile}");
        assert_eq!(shown.get("power_factor_angle").copied(), (profile == "sdm230").then_some(12.5));
    }
    for (unit, exponent, import) in [(3, 0, 100_000), (4, 1, 1_000_000), (5, 0, 100_000)] {
        let sample = sunspec(&bus, unit, exponent).read().await.unwrap();
        assert_eq!((import_wh(&sample), sample.quantities["watts"]), (import, 2250.0), "unit {unit}");
    }
    assert!(sunspec(&bus, 6, 0).read().await.is_err(), "a model that is none of a meter's");
    let mut gx = Sensor::new(SharedBus::clone(&bus), 100, Profile::find("victron").unwrap());
    let sample = gx.read().await.unwrap();
    assert_eq!(sample.counters, None, "there is nothing to sign");
    let shown: Vec<(&str, f64)> =
        sample.quantities.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let want =
        [("battery_percent", 87.0), ("battery_watts", -1500.0), ("watts_l1", 300.0), ("watts_l2", -200.0)];
    assert_eq!(shown, want);
}

#[tokio::test]
async fn sunspec_is_found_at_each_base() {
    let maps = ["1=sunspec:40000:0", "2=sunspec:50000:1", "3=sunspec:0:-2", "4=sdm630"];
    let server = Server::start("tcp", &maps);
    let bus = Bus::shared(tcp(&server), PATIENT);
    for (unit, exponent, import, export) in
        [(1, 0, 100_000, 4_242), (2, 1, 1_000_000, 42_420), (3, -2, 1_000, 42)]
    {
        let mut sensor = sunspec(&bus, unit, exponent);
        let sample = sensor.read().await.unwrap();
        let energy = sample.believed().unwrap();
        assert_eq!((energy.import_wh.0, energy.export_wh.0), (import, export), "unit {unit}");
        let identity = sensor.identity();
        assert_eq!(identity.maker.as_deref(), Some("Wattworks"));
        assert_eq!(identity.model.as_deref(), Some("WW-3P"));
        assert_eq!(identity.serial_number.as_deref(), Some("SN-000123"));
        let shown = &sample.quantities;
        assert_eq!((shown["volts_l1"], shown["amps"]), (230.2, 9.75));
        assert_eq!((shown["hertz"], shown["watts"], shown["watts_l1"]), (50.0, 2250.0, 1210.0));
        for none in ["volts_l3", "amps_l3", "watts_l3"] {
            assert!(!shown.contains_key(none), "{none} is not implemented");
        }
    }
    assert!(matches!(sunspec(&bus, 4, 0).read().await, Err(SensorError::NoSunSpec { .. })));
}

#[tokio::test]
async fn a_meter_that_counts_in_another_power_of_ten_gives_no_energy() {
    let mut server = Server::start("tcp", &["1=sunspec:40000:1"]);
    let bus = Bus::shared(tcp(&server), Timing { tries: 3, pause: Duration::from_secs(60), ..PATIENT });
    let wrong = sunspec(&bus, 1, 0).read().await; // no second try: it would wait a minute
    assert!(matches!(wrong, Err(SensorError::ScaleFactor { registered: 0, got: Some(1), .. })), "{wrong:?}");
    let mut sensor = sunspec(&bus, 1, 1);
    assert_eq!(import_wh(&sensor.read().await.unwrap()), 1_000_000);
    // It is checked at each read, not only at the first.
    server.set(1, "holding", 40000 + METER + 54, &[0]);
    let changed = sensor.read().await;
    assert!(
        matches!(changed, Err(SensorError::ScaleFactor { registered: 1, got: Some(0), .. })),
        "{changed:?}"
    );
    server.set(1, "holding", 40000 + METER + 54, &[0x8000]);
    assert!(matches!(sensor.read().await, Err(SensorError::ScaleFactor { got: None, .. })));
}

#[tokio::test]
async fn a_roll_over_is_good_and_a_transient_zero_is_not() {
    let mut server = Server::start("tcp", &["1=sunspec:40000:0"]);
    let bus = Bus::shared(tcp(&server), PATIENT);
    let mut sensor = sunspec(&bus, 1, 0);
    let steps = [
        ([0xFFFF, 0xFFFE], Verdict::Good),
        ([0x0000, 0x0000], Verdict::Good), // two counts further on
        ([0x0000, 0x0003], Verdict::Good),
        ([0x0000, 0x0000], Verdict::Held { seen: 1 }),
        ([0x0000, 0x0004], Verdict::Good),
        ([0xFFFF, 0xFFFF], Verdict::Held { seen: 1 }), // far more than can have flowed
        ([0x0000, 0x0005], Verdict::Good),
    ];
    for (words, want) in steps {
        server.set(1, "holding", 40000 + METER + IMPORT, &words);
        let sample = sensor.read().await.unwrap();
        assert_eq!(sample.verdict(), Some(want), "{words:04x?}");
        assert_eq!(sample.believed().is_some(), want == Verdict::Good);
    }
    assert_eq!(sensor.good().unwrap().import_wh.0, 5);
}

#[tokio::test]
async fn a_meter_that_counts_nothing_yet_has_no_counters() {
    let mut server = Server::start("tcp", &["1=sunspec:40000:0"]);
    let bus = Bus::shared(tcp(&server), PATIENT);
    let mut sensor = sunspec(&bus, 1, 0);
    let counters = 40000 + METER + 38;
    server.set(1, "holding", counters, &[0; 16]);
    assert_eq!(sensor.read().await.unwrap().counters, None);
    server.set(1, "holding", counters + 8, &[0, 7]); // imports, has never exported
    let sample = sensor.read().await.unwrap();
    assert_eq!((import_wh(&sample), sample.believed().unwrap().export_wh.0), (7, 0));
    server.set(1, "holding", counters + 8, &[0, 0]); // one that has counted has a drop
    assert_eq!(sensor.read().await.unwrap().verdict(), Some(Verdict::Held { seen: 1 }));
}

#[tokio::test]
async fn a_nan_is_skipped_as_telemetry_and_refused_as_energy() {
    let mut server = Server::start("tcp", &["1=sdm630"]);
    let bus = Bus::shared(tcp(&server), PATIENT);
    let mut sensor = sdm630(&bus, 1);
    server.set(1, "input", 0x0000, &[0x7FC0, 0]);
    let sample = sensor.read().await.unwrap();
    assert!(!sample.quantities.contains_key("volts_l1") && sample.quantities.contains_key("volts_l2"));
    server.set(1, "input", 0x0048, &[0x7FC0, 0]);
    assert!(matches!(sensor.read().await, Err(SensorError::Energy { .. })));
    assert_eq!(sensor.good().unwrap().import_wh.0, 12_345_677);
}

#[tokio::test]
async fn a_lower_lifetime_and_another_number_are_a_swapped_meter() {
    let line = Line::open();
    let mut server = Server::start(&line.server(), &["1=sdm630", "2=sunspec:40000:0"]);
    let bus = Bus::shared(line.link(), HASTY);
    let mut meter = sdm630(&bus, 1);
    check_sdm630(&meter.read().await.unwrap());
    server.set(1, "input", 0x0048, &[0x3F80, 0x0000]); // 1 kWh: a meter fresh from its box
    for seen in 1..CONFIRMATIONS {
        assert_eq!(meter.read().await.unwrap().verdict(), Some(Verdict::Held { seen }));
    }
    for _ in 0..2 {
        let sample = meter.read().await.unwrap();
        assert_eq!((sample.verdict(), sample.believed()), (Some(Verdict::Reset), None));
    }
    assert_eq!(meter.good().unwrap().import_wh.0, 12_345_677, "the old meter's final value");

    let mut meter = sunspec(&bus, 2, 0);
    assert_eq!(meter.read().await.unwrap().verdict(), Some(Verdict::Good));
    // The new meter has counted more than the old one: only its number tells.
    server.set(2, "holding", 40000 + METER + IMPORT, &[0x0100, 0x0000]);
    server.set(2, "holding", 40000 + SERIAL_NUMBER, &[0x5858]);
    line.spoil([Fault::Lost]); // nobody swaps a meter without an outage
    assert!(matches!(meter.read().await, Err(SensorError::Timeout { .. })));
    for _ in 0..2 {
        let sample = meter.read().await.unwrap();
        assert_eq!((sample.verdict(), sample.believed()), (Some(Verdict::Reset), None));
    }
    assert_eq!(meter.identity().serial_number.as_deref(), Some("XX-000123"));
    assert_eq!(meter.good().unwrap().import_wh.0, 100_000);
    // One that is told beforehand believes it from the start, and no other.
    for (number, want) in [("XX-000123", Verdict::Good), ("SN-000123", Verdict::Reset)] {
        let mut meter = sunspec(&bus, 2, 0).with_serial_number(Some(number.to_owned()));
        assert_eq!(meter.read().await.unwrap().verdict(), Some(want), "{number}");
    }
}

#[tokio::test]
async fn a_half_written_frame_is_discarded() {
    let line = Line::open();
    let _server = Server::start(&line.server(), &["1=sdm630"]);
    let bus = Bus::shared(line.link(), HASTY);
    let mut sensor = sdm630(&bus, 1);
    check_sdm630(&sensor.read().await.unwrap());
    line.spoil([Fault::Half]);
    assert!(matches!(sensor.read().await, Err(SensorError::Timeout { .. })));
    check_sdm630(&sensor.read().await.unwrap());
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_another_units() {
    let line = Line::open();
    let mut server = Server::start(&line.server(), &["1=sdm630", "2=sdm630"]);
    server.set(2, "input", 0x0048, &[0x4120, 0x0000]); // 10 kWh
    let bus = Bus::shared(line.link(), HASTY);
    let (mut first, mut second) = (sdm630(&bus, 1), sdm630(&bus, 2));
    check_sdm630(&first.read().await.unwrap());
    assert_eq!(import_wh(&second.read().await.unwrap()), 10_000);

    // It comes while the line is drained.
    line.spoil([Fault::Late(HASTY.answer_timeout + Duration::from_millis(500))]);
    assert!(matches!(first.read().await, Err(SensorError::Timeout { .. })));
    assert_eq!(import_wh(&second.read().await.unwrap()), 10_000);

    // It comes instead of the answer, sound in itself, for the same registers.
    let volts = line.record().answered.iter().find(|a| a[0] == 1 && a[1] == 4).unwrap().clone();
    assert_eq!(crc16(&volts), 0, "a frame with its checksum");
    line.spoil([Fault::Instead(volts)]);
    match second.read().await {
        Err(SensorError::Frame { source, .. }) => assert_eq!(source, FrameError::Unit { asked: 2, got: 1 }),
        other => panic!("{other:?}"),
    }
    assert_eq!(import_wh(&second.read().await.unwrap()), 10_000);
}

#[tokio::test]
async fn two_units_share_one_line_with_a_pause_between() {
    let line = Line::open();
    let mut server = Server::start(&line.server(), &["1=sdm630", "2=sunspec:40000:0"]);
    server.set(1, "input", 0x0048, &[0x4120, 0x0000]);
    let bus = Bus::shared(line.link(), PATIENT);
    let (mut first, mut second) = (sdm630(&bus, 1), sunspec(&bus, 2, 0));
    let (one, two) = tokio::join!(first.read(), second.read());
    assert_eq!((import_wh(&one.unwrap()), import_wh(&two.unwrap())), (10_000, 100_000));
    let record = line.record();
    assert!(record.asked.iter().all(|(_, question)| question.len() == 8), "questions never mix");
    let mut turns = 0;
    for pair in record.asked.windows(2) {
        let [(before, old), (after, new)] = pair else { unreachable!() };
        turns += u32::from(old[0] != new[0]);
        assert!(old[0] == new[0] || *after - *before >= PATIENT.unit_pause, "no pause between units");
    }
    assert_eq!(turns, 1, "a sample is read in one go");
}
