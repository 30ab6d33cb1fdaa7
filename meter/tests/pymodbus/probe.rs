//! The probe finds units, knows them apart, and what it says to write into a configuration reads them.

use crate::line::Line;
use crate::server::Server;
use serde::Deserialize;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use wattle_meter::sensor::{BUILT_IN, BusConfig, Link, ProbePlan, Profile, SharedBus, probe};
use wattle_primitives::reading::RegisterEncoding;

#[derive(Deserialize)]
struct Section {
    bus: Vec<BusConfig>,
}

fn plan(links: Vec<Link>, units: &[u8], answer_timeout_ms: u64) -> ProbePlan {
    let built_in = BUILT_IN.iter().map(|(name, _)| ((*name).to_owned(), Profile::find(name).unwrap()));
    let answer_timeout = Duration::from_millis(answer_timeout_ms);
    ProbePlan { links, units: units.to_vec(), answer_timeout, profiles: built_in.collect() }
}

#[tokio::test]
async fn what_the_probe_proposes_can_be_read() {
    let line = Line::open();
    let mut server = Server::start(&line.server(), &["1=sdm630", "3=sunspec:50000:1", "7=sunspec:40000:0"]);
    // Only two phases are in use: the profile for three still fits best.
    server.set(1, "input", 0x0004, &[0, 0]);
    server.set(7, "holding", 40000, &[0, 0]); // no SunSpec mark, nothing else
    let gone =
        Link::Rtu { device: "/dev/no-such-tty".into(), baud: 9600, parity: Default::default(), stop_bits: 1 };
    let mut asked = Vec::new();
    let plan = plan(vec![gone, line.link(), line.link()], &[1, 2, 3, 7], 800);
    let reports = probe(&plan, |_, unit| asked.push(unit)).await;
    assert_eq!(
        asked,
        [1, 1, 2, 3, 7],
        "a line that cannot be opened is left, the first with an answer is the last"
    );
    assert_eq!((reports.len(), reports[0].error.is_some(), reports[1].error.clone()), (2, true, None));
    let found = &reports[1];
    assert_eq!(found.units.iter().map(|u| u.unit).collect::<Vec<_>>(), [1, 3, 7]);

    let eastron: Vec<&str> = found.units[0].fits.iter().map(|fit| fit.profile.as_str()).collect();
    assert_eq!(eastron, ["sdm630", "sdm120"], "{:?}", found.units[0]);
    let sunspec = &found.units[1].fits[0];
    assert_eq!((sunspec.profile.as_str(), found.units[1].fits.len()), ("sunspec", 1));
    assert_eq!(
        sunspec.encoding,
        Some(RegisterEncoding::Acc32 { exponent: 1 }),
        "the meter's own power of ten"
    );
    assert_eq!(sunspec.counters.unwrap().import_wh.0, 1_000_000);
    assert_eq!(
        (sunspec.quantities["volts_l1"].value, sunspec.quantities["volts_l1"].unit.as_str()),
        (230.2, "V")
    );
    assert_eq!(found.units[2].fits, []);
    assert_eq!(found.units[2].misfits.len(), BUILT_IN.len(), "{:?}", found.units[2].misfits);

    let section: Section = toml::from_str(found.config.as_ref().unwrap()).unwrap();
    BusConfig::check_all(&section.bus).unwrap();
    let [config] = &section.bus[..] else { panic!("{section:?}", section = found.config) };
    let bus = config.open();
    for (meter, wh) in config.meters.iter().zip([12_345_677, 1_000_000]) {
        let mut sensor = meter.sensor(SharedBus::clone(&bus)).unwrap();
        assert_eq!(sensor.read().await.unwrap().believed().unwrap().import_wh.0, wh, "{}", meter.name);
    }
}

#[test]
fn the_program_prints_what_it_finds() {
    let server = Server::start("tcp", &["1=sdm630", "2=sunspec:40000:0"]);
    let program = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_wattle-light"))
            .args(["probe", "--tcp", &server.address(), "--timeout-ms", "5000", "--units"])
            .args(args)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (success, text) = program(&["1-3"]);
    assert!(success, "{text}");
    for part in [
        "unit 1: Eastron SDM630 (profile sdm630)",
        "serial number: 20161778",
        "serial_number = \"SN-000123\"",
        "import 12345677 Wh, export 42500 Wh",
        "volts_l1 230.200 V",
        "unit 2: SunSpec meter (profile sunspec)",
        "maker: Wattworks",
        "{\"acc32\":{\"exponent\":0}}",
        "[[bus.meter]]",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("unit 3"), "a gateway's answer is not the unit's: {text}");
    let (success, text) = program(&["1-3", "--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert!(success);
    let units = &json["lines"][0]["units"];
    assert_eq!(units[0]["fits"][0]["profile"], "sdm630");
    assert_eq!(units[1]["fits"][0]["counters"]["importWh"], "100000");
    let (success, _) = program(&["9"]);
    assert!(!success, "nothing answers");
}
