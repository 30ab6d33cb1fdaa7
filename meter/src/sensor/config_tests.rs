#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[derive(Deserialize)]
struct File {
    bus: Vec<BusConfig>,
}

const TWO_BUSES: &str = r#"
    [[bus]]
    link = { kind = "rtu", device = "/dev/ttyUSB0", baud = 2400 }
    timing = { answer_timeout_ms = 500 }
    [[bus.meter]]
    name = "house-1"
    unit = 1
    profile = "sdm120"
    key_file = "/etc/wattle/house-1.key"
    [[bus.meter]]
    name = "house-2"
    unit = 2
    profile = "sdm120"
    key_file = "/etc/wattle/house-2.key"

    [[bus]]
    link = { kind = "tcp", address = "inverter.local:502" }
    [[bus.meter]]
    name = "roof"
    unit = 126
    profile = "sunspec"
    encoding = { acc32 = { exponent = 1 } }
    serial_number = "SN-000123"
    key_file = "/etc/wattle/roof.key"
    [[bus.meter]]
    name = "battery"
    unit = 255
    profile = "victron"
"#;

fn buses(from: &str, to: &str) -> Vec<BusConfig> {
    assert!(TWO_BUSES.contains(from), "{from}");
    toml::from_str::<File>(&TWO_BUSES.replacen(from, to, 1)).unwrap().bus
}

#[test]
fn buses_are_written_as_they_are_read() {
    let buses = buses("", "");
    BusConfig::check_all(&buses).unwrap();
    assert_eq!(buses[0].timing.answer_timeout.as_millis(), 500);
    assert_eq!(buses[0].timing.unit_pause.as_millis(), 200);
    let stepping = self::buses("unit = 2", "unit = 2\nreading_step_wh = 100");
    BusConfig::check_all(&stepping).unwrap();
    assert_eq!(stepping[0].meters[1].profile, ReadAs { reading_step_wh: 100, ..ReadAs::from("sdm120") });
    let unknown = TWO_BUSES.replacen("unit = 2", "unit = 2\nno_such = 1", 1);
    assert!(toml::from_str::<File>(&unknown).is_err());
    for bus in &buses {
        let text = toml::to_string(bus).unwrap();
        assert_eq!(toml::from_str::<BusConfig>(&text).unwrap(), *bus, "{text}");
        for meter in &bus.meters {
            meter.sensor(bus.open()).unwrap();
        }
    }
    let exponent = buses[1].meters[0].profile().unwrap().energy.unwrap().exponent();
    assert_eq!(exponent, Some(1));
}

#[test]
fn what_cannot_be_is_refused() {
    for (from, to) in [
        ("name = \"house-2\"", "name = \"house-1\""),
        ("name = \"roof\"", "name = \"../roof\""),
        ("name = \"roof\"", "name = \"\""),
        ("unit = 2", "unit = 1"),
        ("unit = 2", "unit = 0"),
        ("unit = 2", "unit = 248"),
        ("unit = 2", "unit = 2\nreading_step_wh = 9"),
        ("unit = 2", "unit = 2\nreading_step_wh = 1000001"),
        ("house-2.key", "house-1.key"),
        ("answer_timeout_ms = 500", "tries = 0"),
        ("baud = 2400", "baud = 1"),
        ("inverter.local:502", "inverter.local"),
        ("kind = \"tcp\", address = \"inverter.local:502\"", "kind = \"rtu\", device = \"/dev/ttyUSB0\""),
    ] {
        assert!(BusConfig::check_all(&buses(from, to)).is_err(), "{to}");
    }
    for (from, to) in [
        ("profile = \"victron\"", "profile = \"victron\"\nkey_file = \"/k\""),
        ("exponent = 1", "exponent = 9"),
        ("\"sdm120\"", "\"/no/such.toml\""),
    ] {
        let profiles: Result<Vec<_>, _> =
            buses(from, to).iter().flat_map(|b| &b.meters).map(MeterConfig::profile).collect();
        assert!(profiles.is_err(), "{to}");
    }
}
