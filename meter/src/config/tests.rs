#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::cli::EXAMPLE_CONFIG;
use crate::sensor::{Link, Timing};
use wattle_primitives::reading::RegisterEncoding;

const LEAST: &str = r#"
    data_dir = "/var/lib/wattle-light"
    checkpoint = "/etc/wattle/checkpoint.json"
    peers = ["/ip4/10.0.0.1/tcp/8650", "/ip4/10.0.0.2/tcp/8650"]
    [[bus]]
    link = { kind = "tcp", address = "192.168.1.50:502" }
    [[bus.meter]]
    name = "house"
    key_file = "/etc/wattle/house.key"
"#;

/// A configuration with defaults wherever there are some.
pub(crate) fn least() -> LightConfig {
    toml::from_str(LEAST).unwrap()
}

#[test]
fn the_least_configuration_has_sane_defaults() {
    let config = least();
    config.check().unwrap();
    let (bus, meter) = config.meters().next().unwrap();
    assert_eq!((bus, meter.unit, meter.profile.profile.as_str()), (0, 1, "sdm630"));
    assert_eq!(config.queue_capacity(), 30 * 96 + 1000);
    assert_eq!(config.buses[0].link, Link::Tcp { address: "192.168.1.50:502".to_owned() });
    assert_eq!(config.buses[0].timing, Timing::default());
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<LightConfig>(&text).unwrap(), config);
}

#[test]
fn the_example_shows_every_option_with_its_default() {
    let example: LightConfig = toml::from_str(EXAMPLE_CONFIG).unwrap();
    example.check().unwrap();
    assert_eq!(example, least(), "what the example says is what is there without it");

    let mut full = least();
    full.network = NetworkConfig { mode: Some(NetworkMode::OnDemand), interval_ms: Some(1) };
    full.credit.interval_ms = Some(1);
    full.fee_payer = Some("wat1".parse().unwrap_or(Address([1; 32])));
    let meter = &mut full.buses[0].meters[0];
    meter.encoding = Some(RegisterEncoding::Uint32Wh);
    meter.serial_number = Some("1".to_owned());
    full.relay = Some(RelayConfig {
        connect: vec!["on".to_owned()],
        disconnect: vec!["off".to_owned()],
        bus: Some("b".to_owned()),
        meter: Some("house".to_owned()),
        disconnect_below: Some(Amount(0)),
        connect_at: Some(Amount(1)),
        ..RelayConfig::default()
    });
    let text = toml::to_string(&full).unwrap();
    let named = |key: &str| {
        EXAMPLE_CONFIG.lines().any(|l| l.trim_start_matches("# ").starts_with(&format!("{key} =")))
    };
    for key in text.lines().filter_map(|line| line.split_once(" = ").map(|(key, _)| key.trim())) {
        let inline = format!("{key} = ");
        assert!(named(key) || EXAMPLE_CONFIG.contains(&inline), "{key} is not in the example");
    }
}

#[test]
fn the_relay_of_the_example_has_its_defaults() {
    let start = EXAMPLE_CONFIG.find("# [relay]").unwrap();
    let block = EXAMPLE_CONFIG[start..].split("\n\n").next().unwrap();
    let lines: Vec<&str> = block.lines().skip(1).map(|line| line.trim_start_matches("# ")).collect();
    let kept = |drop: &[&str]| -> RelayConfig {
        let text: Vec<&str> =
            lines.iter().copied().filter(|line| !drop.iter().any(|key| line.starts_with(key))).collect();
        toml::from_str(&text.join("\n")).unwrap()
    };
    let defaults = RelayConfig::default();
    let command = kept(&["bus"]);
    assert_eq!((command.on_start, command.on_meter_lost), (defaults.on_start, defaults.on_meter_lost));
    assert_eq!((command.unit, command.coil), (defaults.unit, defaults.coil));
    let times = |relay: &RelayConfig| (relay.meter_lost_after_ms, relay.min_switch_interval_ms);
    assert_eq!(times(&command), times(&defaults));
    for relay in [command, kept(&["connect =", "disconnect ="])] {
        LightConfig { relay: Some(relay), ..least() }.check().unwrap();
    }
}

#[test]
fn connections_stand_only_where_something_would_wait_for_the_next_visit() {
    let with = |lines: &str| toml::from_str::<LightConfig>(&format!("{lines}\n{LEAST}")).unwrap();
    let relay = |limits: &str| format!("relay = {{ connect = [\"on\"], disconnect = [\"off\"]{limits} }}");
    for (lines, visits, credit) in [
        (String::new(), Some(900_000), 21_600_000),
        ("reading_interval_ms = 60000".to_owned(), None, 60_000),
        ("reading_interval_ms = 300000".to_owned(), Some(300_000), 21_600_000),
        (relay(""), Some(900_000), 21_600_000),
        (relay(", disconnect_below = \"0\""), None, 60_000),
        ("network = { mode = \"always\" }".to_owned(), None, 60_000),
        ("network = { interval_ms = 30000 }".to_owned(), Some(30_000), 21_600_000),
        (
            format!("network = {{ mode = \"on_demand\" }}\n{}", relay(", connect_at = \"1\"")),
            Some(900_000),
            0, // with each visit
        ),
        ("credit = { interval_ms = 5000 }".to_owned(), Some(900_000), 5_000),
    ] {
        let config = with(&lines);
        config.check().unwrap();
        assert_eq!((config.visit_interval_ms(), config.credit_interval_ms()), (visits, credit), "{lines}");
    }
    for (lines, needless) in [
        (String::new(), None),
        ("credit = { interval_ms = 60000 }".to_owned(), Some(60_000)),
        ("credit = { interval_ms = 900000 }".to_owned(), None),
        ("credit = { interval_ms = 60000 }\nnetwork = { mode = \"always\" }".to_owned(), None),
        (
            format!(
                "credit = {{ interval_ms = 60000 }}\nnetwork = {{ mode = \"on_demand\" }}\n{}",
                relay(", connect_at = \"1\"")
            ),
            None,
        ),
    ] {
        assert_eq!(with(&lines).needless_credit_interval_ms(), needless, "{lines}");
    }
    let charger = format!("{LEAST}reading_step_wh = 100");
    let charger: LightConfig = toml::from_str(&charger).unwrap();
    assert_eq!(charger.visit_interval_ms(), None, "deals wait for its steps");
}

#[test]
fn nonsense_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("light.toml");
    for line in [
        "sample_interval_ms = 0",
        "reading_interval_ms = 10",
        "queue_days = 0",
        "no_such = 1",
        "peers = 5",
        "status_listen = \"0.0.0.0:8660\"",
        "status_listen = \"localhost\"",
        "credit = { interval_ms = 1 }",
        "network = { interval_ms = 1 }",
        "network = { mode = \"sometimes\" }",
        "relay = { connect = [\"on\"] }",
        "relay = { connect = [\"on\"], disconnect = [\"off\"], bus = \"192.168.1.50:502\" }",
        "relay = { bus = \"elsewhere:502\" }",
        "relay = { connect = [\"on\"], disconnect = [\"off\"], meter = \"barn\" }",
        "relay = { connect = [\"on\"], disconnect = [\"off\"], disconnect_below = \"5\", connect_at = \"4\" }",
        "relay = { connect = [\"on\"], disconnect = [\"off\"], meter_lost_after_ms = 0 }",
    ] {
        std::fs::write(&path, format!("{line}\n{LEAST}")).unwrap();
        assert!(LightConfig::load(&path).is_err(), "{line}");
    }
    for (from, to) in [
        ("\"/ip4/10.0.0.1/tcp/8650\", \"/ip4/10.0.0.2/tcp/8650\"", ""),
        ("name = \"house\"", "name = \"../house\""),
        ("name = \"house\"", "name = \"house\"\nno_such = 1"),
        ("[[bus]]", "[[bus]]\nmeter = []\n[[bus]]"),
    ] {
        std::fs::write(&path, LEAST.replace(from, to)).unwrap();
        assert!(LightConfig::load(&path).is_err(), "{to}");
    }
    std::fs::write(&path, format!("status_listen = \"\"\n{LEAST}")).unwrap();
    assert_eq!(LightConfig::load(&path).unwrap().status_address().unwrap(), None);
    assert!(matches!(LightConfig::load(Path::new("/no/such")), Err(ConfigError::Read { .. })));
}
